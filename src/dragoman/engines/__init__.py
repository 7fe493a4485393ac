"""Floor 3: job queues that others maintain, for tasks that run on several machines."""
