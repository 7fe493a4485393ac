"""Databases as sources: tables are their items, and they answer SQL that reads."""
