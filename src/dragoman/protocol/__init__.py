"""Floor 1: the rules of the protocol, without I/O. Time and random bytes come in as parameters."""
