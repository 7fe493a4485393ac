"""Floor 4: the face. Puts the rooms below together into Server and Client."""
