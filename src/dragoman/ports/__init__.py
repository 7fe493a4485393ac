"""Floor 2: what the rooms above know of each other, as Protocols and nothing else."""
