"""References in dragoman.yaml: where values come from, what is refused, and that no message repeats a value."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.settings.secrets import Filled, commands_in
from dragoman.connectors.source import SourceError


def filled(folder: Path, **environment: str) -> Filled:
    return Filled(folder, lambda where, words: None, environment)


def test_variables_are_filled_in_wherever_they_stand(tmp_path: Path) -> None:
    made = filled(tmp_path, A="one", EMPTY="")
    assert made.fill({"x": ["${A}-${A}", "$$${A}", "${B:-two}", "${EMPTY:-three}", 3, None]}, "s") == {
        "x": ["one-one", "$one", "two", "", 3, None]
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${MISSING}", "s.x: the variable MISSING is not set"),
        ("${a b}", "is none of"),
        ("${}", "is none of"),
        ("${keyring:x}", "keyring:SERVICE/USER"),
        ("${file:nowhere}", "nowhere cannot be read"),
        ("${command:}", "PROGRAM ARGUMENTS"),
        ("${command:'}", "no command line"),
        ("${command:/nowhere/at/all}", "cannot be started"),
        ("${command:false}", "failed with status 1"),
    ],
)
def test_a_reference_that_gives_nothing_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        filled(tmp_path).fill({"x": text}, "s")


def test_a_secret_in_a_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter22\n")
    secret.chmod(0o600)
    assert filled(tmp_path).fill("${file:secret}", "s") == "hunter22"
    secret.chmod(0o644)
    with pytest.raises(SourceError, match="others can read or write"):
        filled(tmp_path).fill("${file:secret}", "s")


def test_a_command_runs_only_when_it_may(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    script = tmp_path / "secret.py"
    script.write_text(f"open({str(mark)!r}, 'w').close()\nprint('hunter22')\n")
    text = f"${{command:{sys.executable} {script}}}"

    def refuse(where: str, words: tuple[str, ...]) -> None:
        raise SourceError(f"{where} {len(words)}")

    with pytest.raises(SourceError, match=r"s\.x 2"):
        Filled(tmp_path, refuse).fill({"x": text}, "s")
    assert not mark.exists()
    assert commands_in({"x": [text, "${HOME}"]}, "s") == [("s.x[0]", (sys.executable, str(script)))]
    assert not mark.exists()
    assert filled(tmp_path).fill({"x": text}, "s") == {"x": "hunter22"}
    assert mark.exists()


def test_a_password_in_an_address_is_quoted_and_hidden(tmp_path: Path) -> None:
    made = filled(tmp_path, PW="p@ss/w:rd", HOST="db:5432")
    assert made.fill("postgresql://me:${PW}@${HOST}/x", "s") == "postgresql://me:p%40ss%2Fw%3Ard@db:5432/x"
    assert made.fill("${PW}", "s") == "p@ss/w:rd"
    hidden = made.hide("cannot reach postgresql://me:p%40ss%2Fw%3Ard@db:5432/x with p@ss/w:rd")
    assert "p@ss" not in hidden and "p%40" not in hidden


@given(st.text(max_size=60))
def test_any_text_is_filled_in_or_refused(text: str) -> None:
    try:
        found = filled(Path("/nowhere")).fill(text.replace("command:", ""), "s")
    except SourceError as fault:
        found = str(fault)
    assert isinstance(found, str)
