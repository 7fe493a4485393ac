"""The lock file and the records: what they hold, who may read them, and what changed since is refused."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from dragoman.errors import LocalError
from dragoman.registry.faults import IntegrityError
from dragoman.registry.pins import Pin, change, load
from dragoman.registry.recipe import Recipe
from dragoman.registry.records import Known, Record, Records


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have locks lie apart from the user's own."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("state")))


PIN = Pin(version="1", registry="https://r.example", kind="pypi", identifier="x", package_version="1", hash="sha256:a",
          closure=("x.whl sha256:a", "y.whl sha256:b"))  # fmt: skip


def test_a_pin_holds_the_package_its_bytes_and_all_that_came_with_it() -> None:
    PIN.check(PIN)
    for other, what in (
        (msgspec.structs.replace(PIN, identifier="evil"), "now names pypi evil"),
        (msgspec.structs.replace(PIN, hash="sha256:c"), "what came has sha256:c"),
        (msgspec.structs.replace(PIN, closure=("x.whl sha256:a", "y.whl sha256:evil")), "y.whl sha256:b"),
        (msgspec.structs.replace(PIN, closure=(*PIN.closure, "z.whl sha256:d")), "z.whl"),
    ):
        with pytest.raises(IntegrityError, match=what):
            PIN.check(other)


def test_a_lock_file_is_changed_one_server_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.lock.json"
    change(path, "b/b", PIN)
    path.chmod(0o640)
    change(path, "a/a", PIN)
    assert list(load(path).servers) == ["a/a", "b/b"] and load(path).servers["b/b"] == PIN
    assert os.name == "nt" or stat.S_IMODE(path.stat().st_mode) == 0o640
    assert b'"lockfileVersion": 1' in path.read_bytes() and b'"packageVersion": "1"' in path.read_bytes()
    change(path, "b/b", None)
    assert list(load(path).servers) == ["a/a"] and [one.name for one in tmp_path.iterdir()] == ["dragoman.lock.json"]
    change(tmp_path / "none.json", "a/a", None)
    assert not (tmp_path / "none.json").exists()
    path.write_text('{"lockfileVersion": 2}')
    with pytest.raises(LocalError, match="no lock file that this version reads"):
        load(path)


@pytest.mark.parametrize(
    "data", [b"[" * 300_000, b'{"servers": ' + b"[" * 300_000, b'{"x": ' + b"[" * 300_000, b"\xff", b""]
)
def test_a_lock_file_that_is_none_is_told_of(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "l.json").write_bytes(data)
    with pytest.raises(LocalError, match="no lock file"):
        load(tmp_path / "l.json")


def test_two_processes_that_pin_at_once_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dragoman.registry.pins import Pin, change\n"
        "pin = Pin(version='1', registry='', kind='', identifier='')\n"
        "for n in range(15): change(Path('l.json'), f'{sys.argv[1]}/{n}', pin)"
    )
    both = [subprocess.Popen([sys.executable, "-c", program, name], cwd=tmp_path) for name in "ab"]
    assert [one.wait() for one in both] == [0, 0]
    assert len(load(tmp_path / "l.json").servers) == 30


def record(name: str = "a.b/c", **more: str) -> Record:
    return Record(name=name, alias="c", pin=PIN, recipe=Recipe(words=(("x",),)), source="", **more)


def test_a_record_is_read_by_its_owner_only_and_old_files_go(tmp_path: Path) -> None:
    records = Records(tmp_path)
    place = records.place("a.b/c")
    (place / "files-old").mkdir(parents=True)
    (place / "files-new").mkdir()
    records.write(record(folder="files-new"))
    assert not (place / "files-old").exists() and (place / "files-new").exists()
    assert records.read("a.b/c") == record(folder="files-new") and records.every() == [record(folder="files-new")]
    records.hear("a.b/c", Known(at=1, status="active"))
    assert records.known("a.b/c") == Known(at=1, status="active")
    if os.name != "nt":
        (place / "record.json").chmod(0o644)
        with pytest.raises(LocalError, match="open to others"):
            records.read("a.b/c")
        (place / "record.json").chmod(0o600)
    assert records.remove("a.b/c") and not records.remove("a.b/c") and records.read("a.b/c") is None


def test_a_record_in_the_place_of_another_is_not_used(tmp_path: Path) -> None:
    records = Records(tmp_path)
    records.write(record())
    other = records.place("a.b/other")
    other.mkdir()
    (records.place("a.b/c") / "record.json").rename(other / "record.json")
    with pytest.raises(LocalError, match="is of another server"):
        records.read("a.b/other")
    assert records.every() == []


def test_names_that_look_alike_have_places_of_their_own(tmp_path: Path) -> None:
    places = {Records(tmp_path).place(name) for name in ("a/b", "a_b", "a/B", "../../x/y", "a/b ")}
    assert len(places) == 5 and all(place.parent == tmp_path for place in places)
