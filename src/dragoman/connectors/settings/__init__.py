"""dragoman.yaml: what is served, who sees what, and which commands may run."""
