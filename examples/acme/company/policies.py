"""The policies as documents: Word, PDF and Markdown in turn, each with its history and its way to an exception."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from company.documents import Block, Bullets, Document, Heading, Table, Text, long_date
from company.people import REGIONS, ROLES
from company.rules import POLICIES, Policy

ENDINGS = ("docx", "pdf", "md")

SCOPE = (
    "This document applies to all employees of Acme Industrial and its subsidiaries.",
    "It holds for permanent and temporary staff in every country; local law goes first where it is stricter.",
    "It binds everybody who works for Acme, contractors included.",
)
DUTIES = (
    "Managers explain the rules to new members of their teams in the first week.",
    "Whoever sees a breach tells a manager or uses the ethics line.",
    "The owner answers questions and keeps the document up to date.",
    "Internal audit takes samples once a year and reports to the board.",
    "Department heads confirm each December that the rules were followed.",
    "Records that show compliance are kept for three years.",
)
EXCEPTIONS = (
    "An exception is asked for in writing, with its reason and its end, and decided within five working days.",
    "The owner may allow an exception for up to six months and notes it in the register of exceptions.",
    "There are no standing exceptions; each one is dated and signed.",
)
CHANGES = (
    "Wording made clearer.",
    "Limits adjusted to prices.",
    "Contact details brought up to date.",
    "Section on subsidiaries added.",
    "Forms moved to the portal.",
    "Comments of the works council included.",
)


def policy_path(policy: Policy) -> str:
    return f"policies/{policy.slug}.{ENDINGS[POLICIES.index(policy) % len(ENDINGS)]}"


def policies(seed: int) -> Iterator[Document]:
    """Every policy, with a version and a date of its own."""
    for policy in POLICIES:
        random = Random(f"{seed}:policy:{policy.slug}")
        written = date(2024, 1, 15) + timedelta(days=random.randrange(900))
        version = random.randint(2, 7)
        yield Document(
            path=policy_path(policy),
            title=policy.title,
            written=written,
            author=policy.owner,
            facts=[
                ("Owner", f"{policy.owner}, {ROLES[policy.owner]}"),
                ("Version", f"{version}.0, in force since {long_date(written)}"),
                ("Classification", "Internal"),
            ],
            blocks=_blocks(random, policy, written, version),
        )


def _blocks(random: Random, policy: Policy, written: date, version: int) -> list[Block]:
    blocks: list[Block] = [
        Heading("Purpose"),
        Text(f"The {policy.title} says {policy.purpose}."),
        Heading("Scope"),
        Text(random.choice(SCOPE)),
    ]
    for heading, *rules in policy.rules:
        blocks += [Heading(heading), Bullets(rules)]
    blocks += [
        Heading("Responsibilities"),
        Bullets(random.sample(DUTIES, 3)),
        Heading("Exceptions"),
        Text(random.choice(EXCEPTIONS)),
        Heading("Contacts"),
        Text(f"Questions go to {policy.owner}. Contacts in the regions:"),
        Table(["Region", "Contact"], [[region, manager] for region, _, _, manager in REGIONS]),
        Heading("History"),
        Table(["Version", "Date", "Change"], _history(random, written, version), (1, 2, 4)),
    ]
    return blocks


def _history(random: Random, written: date, version: int) -> list[list[str]]:
    rows: list[list[str]] = []
    for number in range(version, max(0, version - 3), -1):
        rows.append([f"{number}.0", written.isoformat(), random.choice(CHANGES)])
        written -= timedelta(days=random.randint(200, 420))
    return rows
