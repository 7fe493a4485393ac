"""What can be put right from here without harm: what this machine keeps of a login that is good for nothing.

Forgets only what the next login makes anew. Nothing is changed at a server, and nothing in the user's files.
"""

from __future__ import annotations

from dragoman.auth.wallet import client_key, token_key
from dragoman.doctor.findings import Report
from dragoman.ports.wallet import Wallet
from dragoman.protocol.discovery import shown

FORGETS_LOGIN = ("login-ended", "login-refused")
FORGETS_CLIENT = ("redirect-differs",)


async def repair(report: Report, wallet: Wallet, url: str, issuers: list[str]) -> None:
    """Forget what the findings say is of no use; `report.fixed` tells of each thing done."""
    if report.has(*FORGETS_LOGIN) and await wallet.remove(token_key(url)):
        report.fixed.append(f"forgot the login kept for {shown(url)}; log in again")
    if report.has(*FORGETS_CLIENT):
        for issuer in issuers:
            if await wallet.remove(client_key(issuer)):
                report.fixed.append(f"forgot the client registered at {issuer}; the next login registers anew")
