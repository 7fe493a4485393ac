"""Logging by the names that other packages give it: plain loggers of the standard library, on stderr."""

from __future__ import annotations

import logging


def get_logger(name: str) -> logging.Logger:
    """Return the standard library's logger of this name."""
    return logging.getLogger(name)


def configure_logging(level: str | int = "INFO") -> None:
    """Log to stderr from `level` up. Does nothing if logging is set up already."""
    logging.basicConfig(level=level)
