"""The way of a user through the authorization endpoint: request, login, consent, code.

Every login asks for consent, for each client anew: nothing that one client was granted speaks for another. An error
goes to the redirect address only after that address was found to be the client's.
Source: specification, basic/authorization; OAuth 2.1 draft 13, section 4.1; RFC 9700, sections 2.1 and 4.11.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from dragoman.auth.issuing.broker import Broker
from dragoman.auth.issuing.clients import Clients
from dragoman.auth.issuing.grants import Grants, Person, digest
from dragoman.auth.issuing.pages import consent, fault, leads_to, lines_of, login
from dragoman.auth.issuing.passwords import Passwords
from dragoman.auth.issuing.visits import Transaction, Visits
from dragoman.errors import AuthorizationError, McpError
from dragoman.ports.site import Page, Visitor
from dragoman.protocol.issuing import Denied, answer_url, read_request, redirect_of

Found: TypeAlias = Person | str | None
Authenticate: TypeAlias = Callable[[Visitor], Found | Awaitable[Found]]
TRIES = 5  # of a password in one transaction
WRONG, WRONG_SECONDS = 10, 300.0  # of one name, in all transactions
OVER = "This page is no longer good, or belongs to another browser."


class Desk:
    """Answers browsers for the authorization server `issuer`, and tells users apart by `means`."""

    def __init__(
        self, issuer: str, means: Passwords | Broker | Authenticate, clients: Clients, grants: Grants, visits: Visits
    ) -> None:
        self._issuer = issuer
        self._means = means
        self._clients = clients
        self._grants = grants
        self._visits = visits
        self.resources: dict[str, Callable[[], frozenset[str]]] = {}

    def _at(self, end: str) -> str:
        return f"{self._issuer.rstrip('/')}/{end}"

    def granting(self) -> dict[str, frozenset[str]]:
        """Return the servers that tokens are given for, and the scopes of each as they are now."""
        return {name: scopes() for name, scopes in self.resources.items()}

    async def authorize(self, visitor: Visitor) -> Page:
        """Begin: judge the request, find out who is there, ask."""
        query = visitor.query
        try:
            client = await self._clients.find(query.get("client_id", ""))
            redirect_uri = redirect_of(query, client)
        except Denied as denied:
            return fault(f"The program that sent you here cannot be answered: {denied.description}.")
        try:
            asked = read_request(query, client, self.granting())
        except Denied as denied:
            state = query.get("state", "")[:2000]
            fields = {"error": denied.error, "error_description": denied.description}
            return _go(answer_url(redirect_uri, self._issuer, state, **fields))
        browser, cookie = self._visits.browser(visitor)
        person = await self._present(visitor)
        if person is None and not isinstance(self._means, Passwords | Broker):
            return fault("You are not logged in here, or may not use this.", 403)
        name = client.client_name or client.client_id
        begun = Transaction(asked, name, digest(browser), client.only_local, person)
        transaction = await self._visits.begin(begun)
        if person is None and isinstance(self._means, Passwords):
            return login(self._at("login"), transaction, name, set_cookie=cookie)
        return self._ask(transaction, begun, cookie)

    async def _present(self, visitor: Visitor) -> Person | None:
        """Return who is there, as far as that is known without asking."""
        if isinstance(self._means, Broker):
            return None
        if isinstance(self._means, Passwords):
            return await self._visits.person(visitor)
        found = self._means(visitor)
        known = await found if inspect.isawaitable(found) else found
        return Person(known, known) if isinstance(known, str) and known else known or None

    def _ask(self, transaction: str, begun: Transaction, cookie: str) -> Page:
        asked, person = begun.asked, begun.person
        shown = lines_of(begun.client_name, asked.client_id, asked.redirect_uri, asked.resource, asked.scopes)
        forms = [leads_to(asked.redirect_uri)]
        if isinstance(self._means, Broker):
            shown["You log in at"] = self._means.name
            # A provider leads on to pages of its own; browsers judge all of that as where the form led.
            forms += ["https:", *self._means.near]
        elif person is not None:
            shown["You are"] = person.name or person.subject
        return consent(
            self._at("decide"), transaction, shown, warned=begun.local, forms=dict.fromkeys(forms), cookie=cookie
        )

    async def log_in(self, visitor: Visitor) -> Page:
        """Take name and password, and ask for consent."""
        identifier = visitor.form.get("transaction", "")
        begun = await self._visits.find(visitor, identifier)
        if begun is None or not isinstance(self._means, Passwords) or begun.tries >= TRIES:
            return fault(OVER, 403)
        name = visitor.form.get("name", "")[:100]
        if await self._visits.barred(name, WRONG):
            return fault("There were too many wrong passwords for this name. Wait five minutes.", 429)
        await self._visits.keep(identifier, _with(begun, tries=begun.tries + 1))
        person = await self._means.check(name, visitor.form.get("password", ""))
        if person is None:
            await self._visits.failed(name, WRONG, WRONG_SECONDS)
            return login(self._at("login"), identifier, begun.client_name, "Name or password is wrong.")
        known = _with(begun, person=person)
        await self._visits.keep(identifier, known)
        return self._ask(identifier, known, await self._visits.log_in(person))

    async def decide(self, visitor: Visitor) -> Page:
        """Take the user's answer: a code or an error goes to the client, or the user to the identity provider."""
        begun = await self._visits.find(visitor, visitor.form.get("transaction", ""), last=True)
        if begun is None:
            return fault(OVER, 403)
        person = begun.person
        if visitor.form.get("answer") != "allow":
            return self._refused(begun, "access_denied", "the user refused")
        if isinstance(self._means, Broker):
            # Only now is there anything that the provider could answer to (AUTHAS-08).
            nonce, verifier = self._means.fresh()
            state = await self._visits.begin(_with(begun, nonce=nonce, verifier=verifier), "provider")
            try:
                return _go(await self._means.url(self._at("callback"), state, nonce, verifier))
            except McpError:
                return self._refused(begun, "temporarily_unavailable", "the identity provider cannot be reached")
        if person is None or (not isinstance(self._means, Passwords) and person != await self._present(visitor)):
            return fault(OVER, 403)
        return await self._granted(begun, person)

    async def came_back(self, visitor: Visitor) -> Page:
        """Take the answer of the identity provider, if it is the browser that consented which brings it."""
        begun = await self._visits.find(visitor, visitor.query.get("state", ""), "provider", last=True)
        if begun is None or not isinstance(self._means, Broker):
            return fault(OVER, 403)
        try:
            person = await self._means.person(visitor.query, self._at("callback"), begun.nonce, begun.verifier)
        except AuthorizationError:
            return self._refused(begun, "access_denied", "the identity provider did not let the user in")
        except McpError:
            return self._refused(begun, "temporarily_unavailable", "the identity provider cannot be reached")
        return await self._granted(begun, person)

    async def _granted(self, begun: Transaction, person: Person) -> Page:
        asked = begun.asked
        code = await self._grants.code(asked, person)
        return _go(answer_url(asked.redirect_uri, self._issuer, asked.state, code=code))

    def _refused(self, begun: Transaction, error: str, description: str) -> Page:
        asked = begun.asked
        fields: Mapping[str, str] = {"error": error, "error_description": description}
        return _go(answer_url(asked.redirect_uri, self._issuer, asked.state, **fields))


def _go(url: str) -> Page:
    return Page(303, headers={"location": url})


def _with(begun: Transaction, **changes: object) -> Transaction:
    return msgspec.structs.replace(begun, **changes)
