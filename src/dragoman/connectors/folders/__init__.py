"""Folders of documents: walked, converted, indexed, searched and read."""
