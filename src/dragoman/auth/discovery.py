"""From a refusal to the authorization server: which it is, what it can, and for which resource a token is wanted.

Asks in the order of the specification and believes a document only for the name under which it was asked for.
Source: specification, basic/authorization/authorization-server-discovery; 2025-03-26, basic/authorization.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dragoman.errors import AuthorizationError, MalformedError
from dragoman.ports.fetch import Fetched, Fetcher
from dragoman.protocol.authorization import ResourceMetadata, ServerMetadata, read_document
from dragoman.protocol.challenge import Challenge
from dragoman.protocol.discovery import (
    canonical,
    check_resource,
    default_server,
    origin_of,
    resource_urls,
    same_issuer,
    server_urls,
    shown,
)

ACCEPT = {"accept": "application/json"}
MOST_SERVERS = 8  # of one resource, that are looked at


class UnwantedLoginError(AuthorizationError):
    """The server neither refuses anything nor says where one could log in."""


class Place(msgspec.Struct, frozen=True):
    """Where a token is to be had, and for what. `scopes` are those that the resource lists, if it does."""

    resource: str
    server: ServerMetadata
    scopes: tuple[str, ...] | None = None
    bound: bool = False


class Discovery:
    """Finds the place for one server, given by its URL; `preferred` are issuers that are known already."""

    def __init__(self, fetcher: Fetcher, url: str, preferred: Sequence[str] = ()) -> None:
        self._fetcher = fetcher
        self._url = url
        self._preferred = preferred
        self._servers: dict[str, ServerMetadata] = {}

    async def find(self, challenge: Challenge, *, refused: bool = True) -> Place:
        """Return the place that the server names now; one that `refused` nothing has to publish it.

        Raises AuthorizationError, TransportError.
        """
        resource = await self._resource(challenge.metadata_url)
        if resource is None:
            if not refused:
                raise UnwantedLoginError(f"{shown(self._url)} refuses nothing and publishes no way to log in")
            # Nothing published: as in the first revision with authorization, the server is its own (LEG-27).
            origin = origin_of(self._url)
            server = await self._looked_up(origin) or default_server(self._url)
            return Place(canonical(self._url), server)
        if not resource.authorization_servers:
            raise AuthorizationError(f"the metadata of {shown(self._url)} names no authorization server")
        issuer = self._chosen(resource.authorization_servers[:MOST_SERVERS])
        bound = resource.dpop_bound_access_tokens_required
        return Place(resource.resource, await self.server(issuer), resource.scopes_supported, bound)

    async def server(self, issuer: str) -> ServerMetadata:
        """Return the metadata of an issuer, kept once found. Raises AuthorizationError, TransportError."""
        if (known := self._servers.get(issuer)) is not None:
            return known
        found = await self._looked_up(issuer)
        if found is None:
            if same_issuer(issuer, origin_of(self._url)):
                return default_server(self._url)
            raise AuthorizationError(f"the authorization server {shown(issuer)} publishes no metadata")
        return found

    def _chosen(self, issuers: Sequence[str]) -> str:
        return next((issuer for issuer in self._preferred if issuer in issuers), issuers[0])

    async def _resource(self, named: str) -> ResourceMetadata | None:
        """Return the metadata of the resource, None if there is none where it may be."""
        for url in [named] if named else resource_urls(self._url):
            answer = await self._fetcher.get(url, ACCEPT)
            if answer.status == 200:
                try:
                    found = read_document(answer.body, ResourceMetadata, f"the resource metadata at {shown(url)}")
                except MalformedError as error:
                    if named:
                        raise AuthorizationError(str(error)) from None
                    continue  # a page for people, perhaps, as some sites answer anything
                check_resource(found.resource, self._url)
                return found
            if named or answer.status >= 500:
                raise AuthorizationError(f"there is no resource metadata at {shown(url)}: HTTP {answer.status}")
        return None

    async def _looked_up(self, issuer: str) -> ServerMetadata | None:
        for url in server_urls(issuer):
            answer = await self._fetcher.get(url, ACCEPT)
            if answer.status == 200 and (found := self._believed(answer, issuer)) is not None:
                self._servers[issuer] = found
                return found
        return None

    def _believed(self, answer: Fetched, issuer: str) -> ServerMetadata | None:
        """Return the metadata if it is that of `issuer`; None for what is no metadata at all."""
        try:
            found = read_document(answer.body, ServerMetadata, f"the metadata at {shown(answer.url)}")
        except MalformedError as error:
            if not answer.body.lstrip().startswith(b"{"):
                return None
            raise AuthorizationError(str(error)) from None
        if not same_issuer(found.issuer, issuer):
            raise AuthorizationError(
                f"the metadata at {shown(answer.url)} is that of another server, {shown(found.issuer)}: it was not used"
            )
        return found
