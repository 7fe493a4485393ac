"""One examination: the stages in the order in which a connection is made, each only if those before it let it.

Starts a command or sends a login only because the caller, who asked the user, says so. Changes nothing, unless `fix`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dragoman.app.client import Client
from dragoman.app.target import Options, Target, way_to
from dragoman.auth.oauth import OAuth
from dragoman.calling.callbacks import Callbacks
from dragoman.doctor import authorization, changes, endpoint, greeting, network, offers, process, reading, redirects
from dragoman.doctor.findings import Report
from dragoman.doctor.repair import repair
from dragoman.errors import AuthorizationError, LocalError
from dragoman.ports.exchange import NO_FIELDS
from dragoman.ports.fetch import Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import ServerMetadata
from dragoman.protocol.discovery import shown
from dragoman.transport.fetch import SafeFetcher
from dragoman.transport.process import ProcessExchange


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How far an examination goes. Times in seconds.

    `read` reads each listed resource, `login` registers a client to try a
    login's redirects, `watch` waits so long for tools to change, `fix` forgets
    logins of no use. `wallet` is where logins are kept, None for none.
    `approved` is the digest of a file's command that may be started this once.
    """

    headers: Mapping[str, str] = NO_FIELDS
    timeout: float = 10.0
    read: bool = False
    login: bool = False
    watch: float = 0.0
    fix: bool = False
    wallet: Wallet | None = None
    approved: str = ""


async def examine(target: Target, plan: Plan) -> Report:
    """Return what is found at `target`. Raises LocalError for what is no target."""
    way = way_to(target, plan.headers, Options(approved=plan.approved))
    exchange = way.dial()
    # Arguments of a file's command may be secrets, filled in from the environment; so may a URL's query.
    report = Report(target=target if isinstance(target, str) else exchange.where)
    if isinstance(exchange, ProcessExchange):
        if await process.examine(report, exchange.command, plan.timeout):
            await _talk(report, target, plan, None)
        return report
    if not way.key:  # a server in this process
        await _talk(report, target, plan, None)
        return report
    url = way.key
    report.target = shown(url)
    if not await network.look(report, url, plan.timeout):
        return report
    fetcher = SafeFetcher(url, seconds=plan.timeout)
    held = await authorization.held_for(plan.wallet, url)
    try:
        await endpoint.knock(report, url, fetcher)
        refusal = await _talk(report, target, plan, url)
        servers = await _documents(report, fetcher, url, refusal, plan)
    finally:
        await fetcher.close()
    if held is not None:
        authorization.judge_held(report, held, servers)
    if plan.fix and plan.wallet is not None:
        await repair(report, plan.wallet, url, [server.issuer for server in servers])
    return report


async def _talk(report: Report, target: Target, plan: Plan, url: str | None) -> AuthorizationError | None:
    """Speak to the server as a client does; returns its refusal, if it wants a login."""
    given = url is not None and _bears_header(target, plan)
    auth = None if url is None or given or plan.wallet is None else OAuth(interactive=False, wallet=plan.wallet)
    client = Client(
        target,
        headers=plan.headers,
        timeout=plan.timeout,
        options=Options(restarts=0, auth=auth, approved=plan.approved),
        cache=False,
        on_elicit=_OURS.on_elicit,
        on_sample=_OURS.on_sample,
        roots=_OURS.roots,
    )
    try:
        refusal = await greeting.greet(report, client, given=given)
        if report.reached == "server":
            await _offered(report, client, plan)
    finally:
        await client.close()
    return refusal


def _bears_header(target: Target, plan: Plan) -> bool:
    """Say whether an Authorization field stands in the headers, or in the entry of a file."""
    try:
        way_to(target, plan.headers, Options(auth=OAuth(interactive=False)))
    except LocalError:
        return True  # both cannot be; the target itself was found good before
    return False


async def _declined(_: Any) -> None:
    """Decline what a server asks: nobody is there to be asked."""


_OURS = Callbacks(on_elicit=_declined, on_sample=_declined, roots=[])


async def _offered(report: Report, client: Client, plan: Plan) -> None:
    offers.capabilities(report, client, _OURS.capabilities)
    async with changes.Watch(report, client) as watch:
        found = await offers.lists(report, client)
        await offers.judged(report, client, found)
        if plan.read:
            await reading.read_all(report, client, found.resources)
        elif found.resources:
            report.skip("resources", f"{len(found.resources)} are listed; --read reads each")
        await watch.compare(found.tools, plan.watch)


async def _documents(
    report: Report, fetcher: Fetcher, url: str, refusal: AuthorizationError | None, plan: Plan
) -> list[ServerMetadata]:
    """Return the authorization servers that can be used; what is wrong on the way to them is found."""
    if report.reached == "nothing":
        return []
    metadata = await authorization.resource(report, fetcher, url, refusal)
    if metadata is None:
        return []
    servers = await authorization.issuers(report, fetcher, metadata)
    for server in servers:
        await redirects.follow(report, fetcher, server, metadata.resource, plan.wallet, register=plan.login)
    return servers
