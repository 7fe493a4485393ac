"""The client without its face: finding the era, asking, judging answers."""
