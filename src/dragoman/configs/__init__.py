"""Configuration files of MCP client programs: read, changed by a few bytes, and changed back."""
