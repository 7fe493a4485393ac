"""Scripts, queries and workflows of the owner's as tools with typed arguments."""
