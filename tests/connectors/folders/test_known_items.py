"""Known items: a document of which some words are remembered must be found, among others that are much like it."""

import random

import pytest
from tests.connectors.desk import documents

from dragoman.connectors.source import ALL, Question

NOUNS = [
    "pump", "valve", "gauge", "sensor", "controller", "tank", "filter", "motor", "pipe", "seal", "rotor",
    "bearing", "panel", "cable", "relay",
]  # fmt: skip
TASKS = [
    "install", "inspect", "replace", "clean", "calibrate", "store", "transport", "paint", "dismantle",
    "lubricate", "test", "balance",
]  # fmt: skip
PLACES = [
    "Rotterdam", "Lyon", "Nagoya", "Porto", "Tromso", "Gdansk", "Cusco", "Perth", "Turin", "Bergen",
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory):
    chance = random.Random(7)
    folder = tmp_path_factory.mktemp("known") / "papers"
    folder.mkdir()
    items = []
    for number in range(120):
        noun, task, place = chance.choice(NOUNS), chance.choice(TASKS), chance.choice(PLACES)
        code = f"{chance.choice('ABCDEFGH')}{chance.randint(1000, 9999)}"
        body = " ".join(chance.choices(NOUNS + TASKS, k=300))
        text = (
            f"# How to {task} the {noun}\n\n{body}\n\n## Site {place}\n\n"
            f"The {noun} in {place} has the part number {code}. "
            f"It is to be {task}ed every {number + 2} weeks.\n\n{body}\n"
        )
        (folder / f"instruction-{number:03}.md").write_text(text)
        items.append((f"instruction-{number:03}.md", noun, task, place, code, number + 2))
    with documents(folder) as source:
        yield source, items


def first(source, query: str) -> str:
    return source.search(ALL, Question(text=query), 10).hits[0]().uri.partition("#")[0].rpartition("/")[2]


def test_a_part_number_is_enough(corpus) -> None:
    source, items = corpus
    assert [first(source, code) for _, _, _, _, code, _ in items] == [name for name, *_ in items]


def test_a_question_with_the_particulars_finds_its_document(corpus) -> None:
    source, items = corpus
    asked = [
        f"how often must the {noun} in {place} be {task}ed, part {code}?" for _, noun, task, place, code, _ in items
    ]
    found = [first(source, query) for query in asked]
    assert sum(name == found_name for (name, *_), found_name in zip(items, found, strict=True)) == len(items)


def test_the_title_leads_to_documents_of_that_title(corpus) -> None:
    source, items = corpus
    titles = {(task, noun) for _, noun, task, *_ in items}
    for task, noun in titles:
        hit = source.search(ALL, Question(text=f"{task} {noun}"), 10).hits[0]()
        assert hit.title == f"How to {task} the {noun}"


def test_the_excerpt_shows_what_was_asked_for(corpus) -> None:
    source, items = corpus
    for _, _, _, _, code, _ in items[:20]:
        assert code in source.search(ALL, Question(text=code), 1).hits[0]().text
