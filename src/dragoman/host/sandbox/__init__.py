"""Local servers in a sandbox: what they see, reach and use up is bounded by the system, not by their good will."""
