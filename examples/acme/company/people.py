"""Names: employees with their roles, and a seeded supply of customers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

CHIEF, SALES, FINANCE, OPERATIONS = "Margaret Hale", "Daniel Okafor", "Ingrid Solberg", "Tomás Rivera"
SERVICE, PEOPLE, SECURITY, PRODUCT = "Priya Raman", "Helen Brandt", "Yusuf Demir", "Laura Chen"
QUALITY, LEGAL, MARKETING, LOGISTICS = "Anton Weiss", "Claire Dubois", "Sofia Marino", "Peter Lindqvist"

ROLES: Mapping[str, str] = {
    CHIEF: "Chief Executive",
    SALES: "Head of Sales",
    FINANCE: "Chief Financial Officer",
    OPERATIONS: "Head of Operations",
    SERVICE: "Head of Service",
    PEOPLE: "Head of People",
    SECURITY: "Information Security Officer",
    PRODUCT: "Head of Product",
    QUALITY: "Quality Manager",
    LEGAL: "General Counsel",
    MARKETING: "Head of Marketing",
    LOGISTICS: "Logistics Manager",
}

# Region, its weight in sales, its countries and its sales manager.
REGIONS: tuple[tuple[str, int, tuple[str, ...], str], ...] = (
    ("North America", 36, ("United States", "Canada", "Mexico"), "Rachel Kim"),
    ("Europe", 31, ("Germany", "France", "United Kingdom", "Italy", "Sweden", "Poland", "Spain"), "Matteo Ricci"),
    ("Asia Pacific", 19, ("Japan", "Australia", "India", "Singapore", "South Korea"), "Hana Sato"),
    ("Latin America", 9, ("Brazil", "Chile", "Colombia", "Argentina"), "Diego Morales"),
    ("Middle East and Africa", 5, ("United Arab Emirates", "Kenya", "South Africa", "Egypt"), "Amina Farouk"),
)
REGION_NAMES = tuple(region for region, *_ in REGIONS)
SEGMENTS = ("Water utilities", "Food and beverage", "Chemicals", "Mining", "Agriculture", "Building services")

_FIRST = (
    "Alder", "Birch", "Cobalt", "Delta", "Eastgate", "Falcon", "Granite", "Harbor", "Iron Bridge", "Juniper",
    "Kestrel", "Lakeside", "Meridian", "Northwind", "Orchard", "Pioneer", "Quarry", "Redwood", "Silver Creek",
    "Tidewater", "Upland", "Vanguard", "Westfield", "Yellowstone", "Zenith", "Amber", "Beacon", "Cedar",
    "Dune", "Ember",
)  # fmt: skip
_SECOND = (
    "Water Works", "Foods", "Chemicals", "Mining", "Farms", "Breweries", "Utilities", "Textiles",
    "Paper Mills", "Dairies", "Ceramics", "Shipyards", "Energy", "Plastics", "Laboratories", "Steel",
)  # fmt: skip
_FORMS = {"Germany": "GmbH", "France": "SA", "United Kingdom": "Ltd", "Italy": "SpA", "Sweden": "AB", "Japan": "KK"}


@dataclass(frozen=True)
class Customer:
    """A buyer; `since` is the day the account was opened."""

    id: int
    name: str
    region: str
    country: str
    segment: str
    since: date


def customers(random: Random, count: int = 240) -> list[Customer]:
    """Return `count` customers with different names, at most 480."""
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    random.shuffle(names)
    found: list[Customer] = []
    for number, name in enumerate(names[:count], 1):
        region, _, countries, _ = random.choices(REGIONS, [weight for _, weight, _, _ in REGIONS])[0]
        country = random.choice(countries)
        full = f"{name} {_FORMS.get(country, 'Inc')}"
        # Three in four were customers before the first order on record; the rest opened their accounts since.
        start, days = (date(2012, 1, 1), 4380) if random.random() < 0.75 else (date(2024, 1, 8), 980)
        since = start + timedelta(days=random.randrange(days))
        found.append(Customer(number, full, region, country, random.choice(SEGMENTS), since))
    return found
