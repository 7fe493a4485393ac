"""Product sheets (HTML and Markdown), manuals (PDF) and quick guides (Word) for what Acme sells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from company.calendar import LATEST
from company.catalog import PRODUCTS, Product
from company.documents import Block, Bullets, Document, Heading, Table, Text, money
from company.people import PRODUCT, SERVICE

MANUALS = tuple(product for product in PRODUCTS if product.line.name not in ("Spare Parts", "Service Plans"))[::2]
GUIDES = tuple(product for product in PRODUCTS if product.line.prefix in ("PU", "CO"))[1::2]

PRAISE = (
    "Its housing is made from recycled cast iron and can be opened with two tools.",
    "It is delivered ready to mount, with gaskets, bolts and a printed guide.",
    "Settings can be copied from one unit to the next with a memory key.",
    "It works with equipment of other makers and speaks open protocols.",
    "Spare parts are kept in stock for at least fifteen years.",
    "A sight glass shows its state without any electronics.",
)
PLACES = (
    "waterworks", "breweries", "greenhouses", "paper mills", "quarries", "hospitals", "ship yards", "dairies",
    "swimming pools", "district heating", "fish farms", "power stations",
)  # fmt: skip
SAFETY = (
    "Disconnect the supply and lock the switch before you open the housing.",
    "Relieve the pressure on both sides before you loosen a flange.",
    "Wear gloves and glasses: water in the line can be hot.",
    "Lift the unit by its eye bolts only, never by the cable.",
    "Children and visitors stay two metres away from a running unit.",
    "Do not use the unit for drinking water unless its plate carries the drop symbol.",
    "Work on electrical parts is reserved for trained electricians.",
    "Keep this manual beside the unit for as long as it is in use.",
)
INSTALL = (
    "Check the delivery against the packing list and look for transport damage.",
    "Choose a dry, level place with half a metre of room on every side.",
    "Clean the pipes before you connect them; most faults in the first month come from welding beads.",
    "Align the flanges by hand, then tighten the bolts crosswise in three steps.",
    "Connect the earth first and the supply last.",
    "Note the serial number in the plant book and register it in the portal for the warranty.",
    "Run the self test: hold the green key for five seconds until the lamp blinks twice.",
    "Leave the unit under observation for the first two hours.",
)
OPERATE = (
    "In normal operation the green lamp is lit and nothing needs to be done.",
    "A yellow lamp asks for maintenance within two weeks; a red lamp has stopped the unit.",
    "Change settings with the arrow keys and keep them with OK; without OK they are dropped after a minute.",
    "Before a stop of more than a month, empty the unit and protect it against frost.",
    "The counter of operating hours is shown when both arrow keys are pressed together.",
    "Remote commands are obeyed only while the switch stands at REMOTE.",
)


def sheet_path(product: Product) -> str:
    return f"products/{_slug(product)}.{'md' if product.id % 3 == 0 else 'html'}"


def manual_path(product: Product) -> str:
    return f"manuals/{_slug(product)}-manual.pdf"


def fault_code(product: Product, number: int) -> str:
    """The code of a product's fault, `number` counting from 0; no two products share one."""
    return f"E-{product.id:02d}{number + 1}"


def products(seed: int) -> Iterator[Document]:
    """All product sheets, manuals and quick guides."""
    for product in PRODUCTS:
        yield _sheet(Random(f"{seed}:sheet:{product.sku}"), product)
    for product in MANUALS:
        yield _manual(Random(f"{seed}:manual:{product.sku}"), product)
    for product in GUIDES:
        yield _guide(Random(f"{seed}:guide:{product.sku}"), product)


def _slug(product: Product) -> str:
    return product.name.lower().replace(" ", "-")


def _specs(product: Product) -> list[list[str]]:
    """The technical data; one product says the same in its sheet and in its manual."""
    place = product.line.products.index((product.name, product.base_cents))
    return [[name, values[place % len(values)]] for name, values in product.line.specs]


def _sheet(random: Random, product: Product) -> Document:
    line = product.line
    family = [other for other in PRODUCTS if other.line is line and other is not product]
    return Document(
        path=sheet_path(product),
        title=f"{product.name} product sheet",
        written=date(2026, 1, 5) + timedelta(days=random.randrange(200)),
        author=PRODUCT,
        facts=[("Article", product.sku), ("Product line", line.name)],
        blocks=[
            Text(f"{product.name} ({product.sku}) {line.purpose}."),
            Text(f"Typical places: {', '.join(random.sample(PLACES, 3))}."),
            Heading("Why customers choose it"),
            Bullets(random.sample(PRAISE, 3)),
            Heading("Technical data"),
            Table(["Property", "Value"], _specs(product)),
            Heading("Price"),
            Text(f"List price {LATEST.year}: {money(product.price(LATEST.year))}, before tax."),
            Heading("See also"),
            Text(f"{random.choice(family).name}, {random.choice(family).name} and the price list {LATEST.year}."),
        ],
    )


def _manual(random: Random, product: Product) -> Document:
    faults = [
        [fault_code(product, number), symptom, cause, remedy]
        for number, (symptom, cause, remedy) in enumerate(product.line.faults)
    ]
    blocks: list[Block] = [
        Heading("About this manual"),
        Text(f"This manual is for owners and operators of the {product.name}, article {product.sku}."),
        Text(f"The {product.name} {product.line.purpose}. Any other use is at the owner's risk."),
        Heading("Safety"),
        Bullets(random.sample(SAFETY, 6)),
        Heading("Installation", new_page=True),
        *_steps(_some(random, INSTALL, 7)),
        Heading("Operation", new_page=True),
        *[Text(sentence) for sentence in random.sample(OPERATE, 5)],
        Heading("Maintenance", 2),
        Table(["When", "What"], [*product.line.care, ("Every five years", "return the unit for an overhaul")], (1, 2)),
        Heading("Troubleshooting", new_page=True),
        Text(f"The display of the {product.name} shows a code when something is wrong."),
        Table(["Code", "What you see", "Cause", "Remedy"], faults, (2, 4, 4, 5)),
        Text("If the fault returns, call the service line with the code and the serial number."),
        Heading("Technical data"),
        Table(["Property", "Value"], _specs(product)),
    ]
    return Document(
        path=manual_path(product),
        title=f"{product.name} Operating Manual",
        written=date(2023, 6, 1) + timedelta(days=random.randrange(1000)),
        author=SERVICE,
        facts=[("Article", product.sku), ("Edition", f"{random.randint(2, 9)}"), ("Language", "English")],
        blocks=blocks,
    )


def _guide(random: Random, product: Product) -> Document:
    return Document(
        path=f"manuals/{product.name} Quick Guide.docx",
        title=f"{product.name} Quick Guide",
        written=date(2024, 3, 1) + timedelta(days=random.randrange(700)),
        author=SERVICE,
        facts=[("Article", product.sku)],
        blocks=[
            Heading("First steps"),
            *_steps(_some(random, INSTALL, 4)),
            Heading("Every day"),
            Bullets(random.sample(OPERATE, 3)),
            Heading("Three things to remember"),
            Bullets(random.sample(SAFETY, 3)),
        ],
    )


def _some(random: Random, sentences: Sequence[str], count: int) -> list[str]:
    """`count` of the sentences, in their own order."""
    return [sentences[index] for index in sorted(random.sample(range(len(sentences)), count))]


def _steps(sentences: list[str]) -> list[Block]:
    return [Text(f"Step {number}. {sentence}") for number, sentence in enumerate(sentences, 1)]
