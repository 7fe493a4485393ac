"""What every place of an index holds to, be it SQLite's file or a PostgreSQL: the modules that have one import this.

`places` gives a place by its name; asked twice for the same name, it opens the same index twice.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.connectors.desk import written

from dragoman.connectors.extract.document import Draft, Part
from dragoman.connectors.extract.pieces import clean, finish
from dragoman.connectors.folders.crawl import Folder, Found
from dragoman.connectors.folders.documents import Documents
from dragoman.connectors.folders.index import READY, Index
from dragoman.connectors.folders.matching import Matching
from dragoman.connectors.folders.place import Place
from dragoman.connectors.folders.query import understand
from dragoman.connectors.folders.ranking import rank
from dragoman.connectors.folders.scope import OPEN, Scope, scope_of
from dragoman.connectors.source import ALL, Question, View

Places = Callable[[str], Place]
PUBLIC = View(allow=("public/**",))
WORDS = [
    "pump",
    "valve",
    "gauge",
    "sensor",
    "tank",
    "filter",
    "motor",
    "pipe",
    "seal",
    "rotor",
    "bearing",
    "panel",
    "cable",
    "relay",
    "boiler",
    "nozzle",
    "gasket",
]


def put(index: Index, path: str, text: str, day: str = "", kind: str = "markdown") -> None:
    index.store(Found(path, len(text), 1), finish(Draft(parts=[Part(text=text)]), kind), day)


def found(index: Index, query: str, scope: Scope = OPEN) -> list[tuple[str, int]]:
    ranked = rank(index, understand(query), 50, scope)
    return [(ranked.files[match.file].path, match.line) for match in ranked.matches]


def paths(index: Index, query: str, scope: Scope = OPEN) -> list[str]:
    return list(dict.fromkeys(path for path, _ in found(index, query, scope)))


def crowd(seed: int, prefix: str, count: int) -> dict[str, str]:
    """Return documents of few words, which are much alike."""
    chance = random.Random(seed)
    return {
        f"{prefix}/{number:03}.md": f"# {chance.choice(WORDS)} {chance.choice(WORDS)}\n\n"
        + "\n".join(" ".join(chance.choices(WORDS, k=12)) for _ in range(chance.randint(5, 40)))
        for number in range(count)
    }


def test_what_is_stored_is_found_read_back_replaced_and_forgotten(places: Places) -> None:
    index = Index(places("a"))
    put(index, "a.md", "# Pumps\n\nThe pump needs oil.\n", "2025-03-31")
    put(index, "b.md", "# Taps\n\nNothing on oil.\n")
    assert found(index, "pump oil") == [("a.md", 1), ("b.md", 1)]
    assert paths(index, "pumps tap") == ["a.md", "b.md"] or paths(index, "pumps tap") == ["b.md", "a.md"]
    file = index.file("a.md")
    assert file is not None
    assert (file.state, file.kind, file.title, file.day) == (READY, "markdown", "Pumps", "2025-03-31")
    assert "".join(one.text for one in index.text(file.id, 1, 0, 9)) == "# Pumps\n\nThe pump needs oil.\n"
    put(index, "a.md", "# Valves\n")
    assert paths(index, "pump") == []
    index.forget(["a.md", "never-there.md"])
    assert (index.file("a.md"), paths(index, "valve"), index.counts()) == (None, [], {READY: 1})
    index.close()


def test_a_write_that_fails_leaves_all_as_it_was(places: Places) -> None:
    index = Index(places("a"))
    put(index, "a.md", "about pumps")

    def power_cut() -> None:
        with index.writing():
            put(index, "b.md", "about marmalade")
            index.forget(["a.md"])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        power_cut()
    assert (paths(index, "pump"), paths(index, "marmalade")) == (["a.md"], [])
    put(index, "b.md", "about marmalade")
    assert paths(index, "marmelade") == ["b.md"]
    index.close()


def test_what_one_writes_others_see_and_one_at_a_time_keeps_it(places: Places) -> None:
    one, other = Index(places("a")), Index(places("a"))
    put(one, "a.md", "about pumps")
    assert paths(other, "pump") == ["a.md"]
    put(other, "b.md", "about pumps, too")
    assert sorted(paths(one, "pump")) == ["a.md", "b.md"]
    first, second = one.lease(), other.lease()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
    elsewhere = Index(places("b"))
    assert elsewhere.counts() == {}
    for index in (one, other, elsewhere):
        index.close()


def test_files_come_in_pages_of_what_is_in_scope(places: Places) -> None:
    index = Index(places("a"))
    index.expect([Found(f"{folder}/{name}.md", 1, 1) for folder in ("public", "secret", "Ä") for name in "cab"], {})
    seen: list[str] = []
    while page := index.files("", seen[-1] if seen else "", 2, scope_of(PUBLIC)):
        seen += [file.path for file in page]
    assert seen == ["public/a.md", "public/b.md", "public/c.md"]
    assert index.count("", scope_of(PUBLIC)) == 3
    assert [file.path for file in index.files("", "", 9)][-1] == "Ä/c.md"
    assert (index.count(""), index.count("secret/")) == (9, 3)
    index.close()


def test_filters_narrow_down(places: Places) -> None:
    index = Index(places("a"))
    put(index, "public/a.md", "pump", "2025-03-31")
    put(index, "public/100%_b.TXT", "pump", "2026-01-15", "text")
    put(index, "secret/c.md", "pump")

    def asked(view: View = ALL, **filters: str) -> list[str]:
        return sorted(paths(index, "pump", scope_of(view, Question(text="pump", **filters))))

    assert asked(kind="text") == ["public/100%_b.TXT"]
    assert asked(kind="txt") == ["public/100%_b.TXT"]
    assert asked(kind="%") == asked(kind="t_t") == []
    assert asked(since="2026-01-01") == ["public/100%_b.TXT"]
    assert asked(until="2025-12-31") == ["public/a.md"]
    assert asked(path="public") == ["public/100%_b.TXT", "public/a.md"]
    assert asked(path="**/*.md") == ["public/a.md", "secret/c.md"]
    assert asked(PUBLIC, path="**/*.md") == ["public/a.md"]
    assert asked(View(deny=("SECRET/**",))) == ["public/100%_b.TXT", "public/a.md"]
    index.close()


def test_what_is_out_of_scope_changes_nothing_in_order_or_suggestions(places: Places) -> None:
    """A caller gets what an index would give that held nothing else."""
    mixed, alone = Index(places("a")), Index(places("b"))
    shown, hidden = crowd(1, "public", 40), crowd(2, "secret", 40)
    for number in range(40):
        path = f"secret/{number:03}.md"
        put(mixed, path, hidden[path] + "\nthe rotorblade and the sensorium, pump pump pump\n")
        path = f"public/{number:03}.md"
        for index in (mixed, alone):
            put(index, path, shown[path])
    scope = scope_of(PUBLIC)
    for query in ("pump rotor", "gasket", "boiler nozzle seal", "rotorblade", "sensoriun pump", '"pump valve"', "zzz"):
        told, other = (rank(index, understand(query), 50, one) for index, one in ((mixed, scope), (alone, OPEN)))
        assert [match.score for match in told.matches] == [match.score for match in other.matches]
        assert (told.replaced, told.all_words) == (other.replaced, other.all_words)
        assert found(mixed, query, scope) == found(alone, query)
    assert paths(mixed, "rotorblade")[0].startswith("secret/")
    for index in (mixed, alone):
        index.close()


def test_words_are_found_in_other_forms_spellings_and_with_slips(places: Places) -> None:
    index = Index(places("a"))
    put(index, "a.md", "# Calibration of gauges\n\nPart PX-4471-B at 48,210.75 in Tromsø, naïve Größe.\n")
    put(index, "b.md", "# Other\n\nPart PX-4471-C and QX-4471-B, 48,211.75, valves of snake_case_name.\n")
    for query in (
        "calibrations gauge", "calibartion", "kalibration", "calibraton gauges", "PX-4471-B", "px4471b", '"px 4471 b"',
        "48,210.75", "naive", "NAÏVE", "größe", "Tromsø",
    ):  # fmt: skip
        assert paths(index, query)[:1] == ["a.md"], query
    assert paths(index, "snake_case_name") == ["b.md"]
    assert paths(index, "xylophone") == paths(index, "4472") == []
    index.close()


def test_exact_text_is_found_where_it_begins_and_across_pieces(places: Places) -> None:
    index = Index(places("a"))
    text = "".join(f"line {number} of the LOG, with (signs) = {number * 7}%\n" for number in range(200))
    put(index, "a.md", text)
    look = Matching(index, OPEN)
    pieces = look.standing("line 0 of", 9, exact_case=False, more=0)
    following = next(one for one in look.candidates([pieces[0].piece + 1]))
    cut = text.index(following.body)
    across = text[cut - 12 : cut + 15]
    assert [one.piece for one in look.standing(across, 9, exact_case=True, more=0)] == [pieces[0].piece]
    assert [one.piece for one in look.standing(across.lower(), 9, exact_case=False, more=0)] == [pieces[0].piece]
    assert look.standing(across.swapcase(), 9, exact_case=True, more=0) == []
    assert len(look.standing("(signs) = 1393%", 9, exact_case=True, more=0)) == 1
    index.close()


@pytest.mark.parametrize("count", range(2, 9))
def test_most_of_the_words_are_all_of_them_but_one(places: Places, count: int) -> None:
    index = Index(places("a"))
    texts = {path: " ".join(text.split()[:14]) for path, text in crowd(5, "x", 80).items()}
    for path, text in texts.items():
        put(index, path, text)
    asked = WORDS[:count]
    look = Matching(index, OPEN)
    holds = {path: sum(word in text.split() for word in asked) for path, text in texts.items()}
    numbers = {one.title.split()[-1]: one.piece for one in look.candidates(look.holding(WORDS, 999, "any"))}
    most = {numbers[path] for path, held in holds.items() if held >= count - 1}
    assert set(look.holding(asked, 999, "most")) == most
    assert set(look.holding(asked, 999)) == {numbers[path] for path, held in holds.items() if held == count}
    index.close()


def test_what_was_counted_is_counted_again_when_another_has_written(places: Places) -> None:
    index, other = Index(places("a")), Index(places("a"))
    put(index, "public/a.md", "the pump")
    for number in range(1, 4):
        assert [Matching(index, scope).frequency("pump") for scope in (OPEN, scope_of(PUBLIC))] == [number, 1]
        assert index.counts() == {READY: number}
        put(other if number % 2 else index, f"private/{number}.md", "another pump")
    index.close()
    other.close()


def test_both_kinds_of_index_rank_alike(places: Places, tmp_path: Path) -> None:
    index, reference = Index(places("a")), Index(tmp_path / "reference" / "a.db")
    for path, text in {**crowd(3, "x", 60), "y/one.md": "# One\n\nThe boiler's nozzle, and a gasket.\n"}.items():
        for one in (index, reference):
            put(one, path, text)
    for query in ("pump rotor", "boiler nozzle gasket", "pumps", "panle cable", '"seal rotor"', "boiler nozle", "one"):
        assert found(index, query) == found(reference, query), query
    for one in (index, reference):
        one.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40), min_size=1, max_size=4))
def test_any_text_can_be_stored_and_asked_for(places: Places, texts: list[str]) -> None:
    index = Index(places("a"))
    put(index, "a.md", "\n".join(texts))
    for text in map(clean, texts):
        found(index, text)
        found(index, f"\"{text}\" '{text}' & | ! <-> * :")
        if text.strip():
            assert Matching(index, OPEN).standing(text.strip(), 3, exact_case=True, more=5)
    assert "".join(one.text for one in index.text(index.files("", "", 1)[0].id, 1, 0, 9)) == clean("\n".join(texts))
    index.close()


def test_a_folder_is_served_from_it(places: Places, tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# Pumps\n\nUse oil number seven.\n", sub__b_md="# Valves\n\nNo oil.\n")
    for _ in range(2):  # the second start finds all in the index
        source = Documents("papers", Folder(folder), Index(places("a")))
        source.start()
        assert source.indexer.wait_idle(60)
        hits = [hit() for hit in source.search(ALL, Question(text="oil number seven"), 5).hits]
        assert hits[0].uri == "docs://papers/a.md#lines=1-"
        assert "oil number seven" in hits[0].text
        exact = source.search(ALL, Question(text="use oil", exact=True), 5).hits[0]()
        assert (exact.uri, exact.text) == ("docs://papers/a.md#lines=3-", "Use oil number seven.")
        assert source.search(View(allow=("sub/**",)), Question(text="oil"), 5).searched == "papers: 1 of 1 indexed"
        source.close()
