"""Acme Industrial, a made company: its database, its documents, and what is true about both."""
