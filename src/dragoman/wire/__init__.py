"""Floor 0: the nouns of the protocol as plain data. Nothing here does anything."""
