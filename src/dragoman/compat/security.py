"""Settings that guard a server: which hosts may ask, which paths may be asked for, how long answers keep.

Promise: a restriction that is set is kept, or refused by name. Limit: sealing of `requestState` is Dragoman's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dragoman.compat.models import Model
from dragoman.compat.paths import contains_path_traversal, is_absolute_path
from dragoman.serving.shapes import is_list


class TransportSecuritySettings(Model):
    """Host and Origin checks."""

    enable_dns_rebinding_protection: bool = True
    allowed_hosts: list[str] = []  # noqa: RUF012 - copied for each value
    allowed_origins: list[str] = []  # noqa: RUF012 - copied for each value


@dataclass(frozen=True)
class ResourceSecurity:
    """What the variables of a resource template may not hold."""

    reject_path_traversal: bool = True
    reject_absolute_paths: bool = True
    reject_null_bytes: bool = True
    exempt_params: Iterable[str] = field(default_factory=frozenset[str])

    def fault(self, values: dict[str, Any]) -> str | None:
        """Return the name of the first variable that holds what it may not, or None."""
        for name, value in values.items():
            parts: list[Any] = value if is_list(value) else [value]
            if name not in self.exempt_params and any(isinstance(part, str) and self._bad(part) for part in parts):
                return name
        return None

    def _bad(self, value: str) -> bool:
        return (
            (self.reject_path_traversal and contains_path_traversal(value))
            or (self.reject_absolute_paths and is_absolute_path(value))
            or (self.reject_null_bytes and "\0" in value)
        )


DEFAULT_RESOURCE_SECURITY = ResourceSecurity()


@dataclass(frozen=True)
class CacheHint:
    """How long an answer keeps: `ttl_ms` milliseconds, for anyone ("public") or this caller ("private")."""

    ttl_ms: int = 0
    scope: str = "private"


class InvalidRequestState(ValueError):
    """A `requestState` came back that this server never sent."""


class RequestStateSecurity:
    """How `requestState` is sealed; accepted for the sake of the file, since Dragoman seals its own."""

    def __init__(self, keys: Any = None, codec: Any = None, **options: Any) -> None:
        self.keys = keys
        self.codec = codec

    @classmethod
    def ephemeral(cls) -> RequestStateSecurity:
        """Return the setting for keys that live as long as the process."""
        return cls()


class RequestStateBoundary:
    """A middleware that seals `requestState`; here it passes calls through."""

    def __init__(self, security: RequestStateSecurity, **options: Any) -> None:
        self.security = security

    async def __call__(self, context: Any, call_next: Any) -> Any:
        return await call_next(context)
