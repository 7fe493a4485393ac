"""Everyday papers: notes of meetings, news, answers to frequent questions and letters from customers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from company.agendas import ITEMS, KINDS, LETTERS, NEWS, ONCE, QUESTIONS
from company.catalog import PRODUCTS
from company.documents import Block, Bullets, Document, Heading, Table, Text, long_date
from company.people import MARKETING, REGION_NAMES, ROLES, SALES, SERVICE, Customer

MEETINGS = 36
ROOMS = ("Severn", "Avon", "Brunel Hall", "Clifton", "video call")


def meeting_date(number: int) -> date:
    """Meetings are held every four weeks, on Tuesdays, from January 2024 on."""
    return date(2024, 1, 9) + timedelta(days=28 * number)


def meeting_path(number: int) -> str:
    day, kind = meeting_date(number), KINDS[number % len(KINDS)]
    if number % 3 == 2:
        return f"meetings/{kind} {day}.docx"  # some people like spaces in names
    return f"meetings/{day}-{kind.lower().replace(' ', '-')}.{'md' if number % 3 == 0 else 'txt'}"


def once_path(index: int) -> str:
    """The notes of the only meeting that spoke about `ONCE[index]`."""
    return meeting_path(2 * index)


def daily(seed: int, customers: list[Customer]) -> Iterator[Document]:
    """All the everyday papers."""
    for number in range(MEETINGS):
        yield _meeting(Random(f"{seed}:meeting:{number}"), number, customers)
    for number, (title, text) in enumerate(NEWS):
        yield _news(Random(f"{seed}:news:{number}"), number, title, text)
    for topic, pairs in QUESTIONS:
        blocks: list[Block] = []
        for question, answer in pairs:
            blocks += [Heading(question), Text(answer)]
        yield Document(f"faq/{topic.lower()}.md", f"Frequent questions: {topic}", date(2026, 2, 2), blocks, SERVICE)
    for number, (subject, text) in enumerate(LETTERS):
        yield _letter(Random(f"{seed}:letter:{number}"), number, subject, text, customers)


def _blanks(random: Random, customers: list[Customer]) -> dict[str, str]:
    return {
        "product": random.choice(PRODUCTS).name,
        "customer": random.choice(customers).name,
        "region": random.choice(REGION_NAMES),
        "person": random.choice(list(ROLES)),
    }


def _meeting(random: Random, number: int, customers: list[Customer]) -> Document:
    kind, day = KINDS[number % len(KINDS)], meeting_date(number)
    present = random.sample(list(ROLES), random.randint(4, 7))
    blocks: list[Block] = []
    tasks: list[list[str]] = []
    for place, (topic, said, decided) in enumerate(random.sample(ITEMS, random.randint(3, 5)), 1):
        blanks = _blanks(random, customers)
        blocks += [Heading(f"{place}. {topic.format(**blanks)}"), Text(said.format(**blanks))]
        blocks.append(Text(f"Decision: {decided.format(**blanks)}"))
        due = day + timedelta(days=random.randint(5, 30))
        tasks.append([topic.format(**blanks), blanks["person"], due.isoformat()])
    if number % 2 == 0:
        topic, decision = ONCE[number // 2]
        blocks += [Heading(f"{len(tasks) + 1}. {topic}"), Text(f"Decision: {decision}")]
    blocks += [Heading("Tasks"), Table(["Task", "Who", "Until"], tasks, (3, 2, 1))]
    return Document(
        path=meeting_path(number),
        title=f"{kind}, {long_date(day)}",
        written=day + timedelta(days=1),
        author=present[0],
        facts=[
            ("Place", random.choice(ROOMS)),
            ("Present", ", ".join(present)),
            ("Notes by", present[-1]),
        ],
        blocks=[*blocks, Text(f"Next meeting: {long_date(day + timedelta(days=28))}.")],
    )


def _news(random: Random, number: int, title: str, text: str) -> Document:
    day = date(2024, 2, 12) + timedelta(days=94 * number)
    slug = "-".join(title.lower().split()[:5])
    return Document(
        path=f"news/{day}-{slug}.html",
        title=title,
        written=day,
        author=MARKETING,
        facts=[("Bristol", long_date(day))],
        blocks=[
            Text(text),
            Text(f'"{random.choice(_QUOTES)}", says {random.choice(list(ROLES))}.'),
            Heading("About Acme Industrial"),
            Text("Acme Industrial makes pumps, valves, sensors and controllers, and serves customers in 23 countries."),
            Heading("Contact"),
            Bullets([f"{MARKETING}, {ROLES[MARKETING]}", f"{SALES}, {ROLES[SALES]}"]),
        ],
    )


_QUOTES = (
    "We are proud of the people who made this possible",
    "Our customers asked for it, and we listened",
    "It took three years, and every week was worth it",
    "Water is too precious to be wasted",
)


def _letter(random: Random, number: int, subject: str, text: str, customers: list[Customer]) -> Document:
    customer, product = random.choice(customers), random.choice(PRODUCTS[:32])
    day = date(2025, 1, 20) + timedelta(days=61 * number + random.randrange(20))
    return Document(
        path=f"letters/{day}-{subject.split()[0].lower()}.txt",
        title=subject.format(product=product.name),
        written=day,
        author=customer.name,
        facts=[("From", f"{customer.name}, {customer.country}"), ("To", f"{SERVICE}, Acme Industrial")],
        blocks=[
            Text("Dear Ms Raman,"),
            Text(text.format(product=product.name)),
            Text(f"Customer number {customer.id}, article {product.sku}."),
            Text("Kind regards"),
        ],
    )
