"""Turning files into text: one module per format, run in a process of its own.

Formats are found by `registry`; `process` runs them apart from the server, so that a hostile file can only hurt itself.
"""
