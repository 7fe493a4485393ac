"""References in all dialects: read, written, and refused where a client would understand something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.configs import values
from dragoman.configs.faults import UnfitError
from dragoman.configs.values import NEUTRAL, Dialect, Ref, read, write

DIALECTS = [
    values.PLAIN, values.SHELL, values.DOLLAR, values.COLON, values.COLON_FILE, values.INPUT, values.BRACE,
    values.SECRETS, values.NEUTRAL,
]  # fmt: skip
name = st.from_regex(r"[A-Z_][A-Z0-9_]{0,5}", fullmatch=True)
pieces = st.lists(st.text(alphabet="aB $:{}-", max_size=6) | name.map(lambda n: Ref("env", n)), max_size=4)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
@given(text=st.text(alphabet="${}:env-AB_ .secrtinpuflo", max_size=24))
def test_what_is_read_is_written_back_as_the_same_value(dialect: Dialect, text: str) -> None:
    value = read(text, dialect)
    assert read(write(value, dialect), dialect) == value


@given(st.sampled_from(DIALECTS[1:]), pieces)
def test_a_value_is_written_so_that_it_reads_the_same_or_not_at_all(dialect: Dialect, parts: list[str | Ref]) -> None:
    try:
        text = write(tuple(parts), dialect)
    except UnfitError:
        return
    assert read(text, dialect) == tuple(parts)


@pytest.mark.parametrize(
    "dialect, text",
    [
        (values.SHELL, "Bearer ${KEY}"),
        (values.DOLLAR, "Bearer ${KEY}"),
        (values.COLON, "Bearer ${env:KEY}"),
        (values.COLON_FILE, "Bearer ${env:KEY}"),
        (values.INPUT, "Bearer ${env:KEY}"),
        (values.BRACE, "Bearer {env:KEY}"),
        (values.SECRETS, "Bearer ${{ secrets.KEY }}"),
        (values.NEUTRAL, "Bearer ${env:KEY}"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_dialect_has_its_words_for_a_variable(dialect: Dialect, text: str) -> None:
    value = ("Bearer ", Ref("env", "KEY"))
    assert write(value, dialect) == text
    assert read(text, dialect) == value
    with pytest.raises(UnfitError, match=r"no reference such as \$\{env:KEY\}"):
        write(value, values.PLAIN)


@pytest.mark.parametrize(
    "dialect, text, ref",
    [
        (values.SHELL, "${A:-x y}", Ref("env", "A", "x y")),
        (values.DOLLAR, "$A", Ref("env", "A")),
        (values.INPUT, "${input:my-key}", Ref("prompt", "my-key")),
        (values.INPUT, "${workspaceFolder}", Ref("own", "workspaceFolder")),
        (values.COLON_FILE, "${file:/run/key}", Ref("file", "/run/key")),
        (values.BRACE, "{file:~/key}", Ref("file", "~/key")),
        (NEUTRAL, "${secret:a/KEY}", Ref("secret", "a/KEY")),
        (NEUTRAL, "${own:workspaceFolder}", Ref("own", "workspaceFolder")),
    ],
)
def test_what_only_some_clients_know(dialect: Dialect, text: str, ref: Ref) -> None:
    assert read(text, dialect) == (ref,)
    with pytest.raises(UnfitError):
        write((ref,), values.SECRETS) if ref.kind == "env" and ref.default else write((ref,), values.PLAIN)


def test_text_that_a_client_would_take_for_a_reference_is_refused() -> None:
    with pytest.raises(UnfitError, match="for a reference"):
        write(("costs $US",), values.DOLLAR)
    assert write(("costs 5 $",), values.DOLLAR) == "costs 5 $"
