"""From a refusal to the page where a user logs in: challenge, metadata, issuer, endpoints, what is kept here.

Reads what clients read, in their order, and says where they would stop. Asks only through a Fetcher.
Source: RFC 9728, section 3 and 5.1; RFC 8414, section 3; specification, basic/authorization.
"""

from __future__ import annotations

import time

from dragoman.auth.wallet import Held, read_kept, token_key
from dragoman.doctor.findings import Report
from dragoman.errors import AuthorizationError, MalformedError, TransportError, UnsafeAddressError
from dragoman.ports.exchange import Fields
from dragoman.ports.fetch import Fetched, Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import ResourceMetadata, ServerMetadata, read_document
from dragoman.protocol.challenge import read_challenges
from dragoman.protocol.code_flow import check_pkce
from dragoman.protocol.discovery import check_endpoint, check_resource, resource_urls, same_issuer, server_urls, shown

ACCEPT = {"accept": "application/json"}
MOST = 3  # issuers that are looked at


async def ask(report: Report, fetcher: Fetcher, url: str, headers: Fields = ACCEPT) -> Fetched | None:
    """Return the document at `url`, None with a finding if it cannot be had from here."""
    try:
        return await fetcher.get(url, headers)
    except (TransportError, UnsafeAddressError) as error:
        report.find("documents-unread", str(error), shown(url))
        return None


async def resource(
    report: Report, fetcher: Fetcher, url: str, refusal: AuthorizationError | None
) -> ResourceMetadata | None:
    """Return the metadata of the server at `url`; what is wrong with it, or with the refusal, is found."""
    with report.stage("resource metadata") as told:
        named = ""
        if refusal is not None:
            challenges = read_challenges(refusal.challenge)
            named = next((one.metadata_url for one in challenges if one.metadata_url), "")
            if refusal.status == 401 and not challenges:
                report.find("challenge-missing", f"{shown(url)} answers HTTP 401 and does not say how to log in")
        for place in [named] if named else resource_urls(url):
            answer = await ask(report, fetcher, place)
            if answer is None or answer.status != 200:
                continue
            found = _read(report, answer, url)
            if found is not None or named:
                told.said = f"{shown(place)}" + (f" names {', '.join(found.authorization_servers)}" if found else "")
                return found
        told.said = "none is published"
        if refusal is not None and not report.has("documents-unread", "metadata-broken"):
            where = shown(named) if named else "the well-known places"
            report.find("metadata-missing", f"there is no resource metadata at {where}")
        return None


def _read(report: Report, answer: Fetched, url: str) -> ResourceMetadata | None:
    if "html" in answer.headers.get("content-type", ""):
        return None  # a page for people, as some sites answer anything
    try:
        found = read_document(answer.body, ResourceMetadata, f"the resource metadata at {shown(answer.url)}")
    except MalformedError as error:
        report.find("metadata-broken", str(error), shown(answer.url))
        return None
    try:
        check_resource(found.resource, url)
    except AuthorizationError:
        report.find(
            "resource-differs",
            f"the metadata is for {found.resource}, and the server is at {shown(url)}",
            shown(answer.url),
        )
    if not found.authorization_servers:
        report.find("metadata-broken", "authorization_servers names nobody", shown(answer.url))
    return found


async def issuers(report: Report, fetcher: Fetcher, found: ResourceMetadata) -> list[ServerMetadata]:
    """Return the metadata of the authorization servers that `found` names, those that can be used for a login."""
    usable: list[ServerMetadata] = []
    with report.stage("authorization servers") as told:
        for issuer in found.authorization_servers[:MOST]:
            before = len(report.findings)
            server = await _issuer(report, fetcher, issuer)
            if server is not None:
                _endpoints(report, server)
                if not any(one.severity == "error" for one in report.findings[before:]):
                    usable.append(server)
        told.said = ", ".join(shown(server.issuer) for server in usable) or "none that can be used"
    return usable


async def _issuer(report: Report, fetcher: Fetcher, issuer: str) -> ServerMetadata | None:
    for place in server_urls(issuer):
        answer = await ask(report, fetcher, place)
        if answer is None or answer.status != 200 or "html" in answer.headers.get("content-type", ""):
            continue
        try:
            found = read_document(answer.body, ServerMetadata, f"the metadata at {shown(place)}")
        except MalformedError as error:
            report.find("metadata-broken", str(error), shown(place))
            return None
        if not same_issuer(found.issuer, issuer):
            report.find("issuer-differs", f"asked as {issuer}, it calls itself {found.issuer}", shown(place))
        return found
    if not report.has("documents-unread"):
        report.find("issuer-missing", f"{shown(issuer)} publishes no metadata", shown(issuer))
    return None


def _endpoints(report: Report, server: ServerMetadata) -> None:
    where = shown(server.issuer)
    for endpoint, what in (
        (server.authorization_endpoint, "authorization endpoint"),
        (server.token_endpoint, "token endpoint"),
    ):
        try:
            check_endpoint(endpoint, what)
        except AuthorizationError as error:
            report.find("endpoint-unsafe", str(error), where)
    try:
        check_pkce(server)
    except AuthorizationError as error:
        report.find("pkce-missing", str(error), where)
    if not server.registration_endpoint and not server.client_id_metadata_document_supported:
        report.find("registration-missing", f"{where} registers no clients by itself", where)


async def held_for(wallet: Wallet | None, url: str) -> Held | None:
    """Return the login that is kept for the server at `url`, None if there is none."""
    return None if wallet is None else read_kept(await wallet.read(token_key(url)), Held)


def judge_held(report: Report, held: Held, servers: list[ServerMetadata]) -> None:
    """Look at a login as it was before the server was spoken to. Nothing of it is shown."""
    with report.stage("login kept") as told:
        giver = shown(held.issuer)
        told.said = f"given by {giver}"
        if held.expires and held.expires < time.time() and not held.refresh:
            report.find("login-ended", f"the login given by {giver} has ended")
        elif servers and not any(same_issuer(server.issuer, held.issuer) for server in servers):
            report.find("login-ended", f"the server no longer names {giver}, which gave the login")
        elif report.reached == "refused":
            report.find("login-refused", f"the login given by {giver} is not taken")
