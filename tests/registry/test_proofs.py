"""Whose a package is, read from the package itself: and what is none, or somebody else's."""

import gzip
import io
import json
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registry import made

from dragoman.registry.document import Package, Transport
from dragoman.registry.faults import EntryError, IntegrityError
from dragoman.registry.placing import check_package
from dragoman.registry.proofs import check_owner, chosen, tarball, wheel


def test_a_wheel_says_its_name_its_command_and_its_server(tmp_path: Path) -> None:
    said = wheel(made.wheel(tmp_path, "made-server", "1.2.0", claim="com.example/made"))
    assert said == ("made-server", "1.2.0", ("com.example/made",), ("made-server",), ())
    check_owner("com.example/made", "made-server", said.claims)
    with pytest.raises(IntegrityError, match=r"it says it is of com\.example/made"):
        check_owner("com.example/mad", "made-server", said.claims)
    with pytest.raises(IntegrityError, match="it names no server"):
        check_owner("com.example/made", "made-server", wheel(made.wheel(tmp_path, "other", "1")).claims)


def test_a_longer_name_is_no_proof_of_a_shorter_one(tmp_path: Path) -> None:
    said = wheel(made.wheel(tmp_path, "made-server", "1.2.0", claim="com.example/made-too"))
    with pytest.raises(IntegrityError):
        check_owner("com.example/made", "made-server", said.claims)


@pytest.mark.parametrize("needs, direct", [("x @ git+https://evil.example.com/x", True), ("x>=1; extra == '@'", False)])
def test_a_wheel_that_wants_another_by_its_address_says_so(needs: str, direct: bool, tmp_path: Path) -> None:
    assert wheel(made.wheel(tmp_path, "made", "1", needs=needs)).direct == ((needs,) if direct else ())


def test_an_npm_package_says_its_name_its_command_and_its_server(tmp_path: Path) -> None:
    made.npm_registry(tmp_path, "http://x", "made-server", "1.0.0", claim="com.example/made")
    said = tarball(tmp_path / "made-server-1.0.0.tgz")
    assert said == ("made-server", "1.0.0", ("com.example/made",), {"made-server": "server.js"})


@pytest.mark.parametrize(
    "held, bins",
    [
        ({"name": "@s/x", "bin": "a.js"}, {"x": "a.js"}),
        ({"name": "x", "bin": {"a": "a.js", "b": 5}}, {"a": "a.js"}),
        ({"name": "x", "bin": ["a.js"]}, {}),
        ({"name": "x"}, {}),
    ],
)
def test_the_commands_of_an_npm_package_are_by_name(
    held: dict[str, object], bins: dict[str, str], tmp_path: Path
) -> None:
    assert tarball(packed(tmp_path, json.dumps(held).encode())).bins == bins


def packed(folder: Path, data: bytes, name: str = "package/package.json") -> Path:
    path = folder / "x.tgz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return path


def test_what_is_no_package_is_refused(tmp_path: Path) -> None:
    for data, name in ((b"{", "package/package.json"), (b"[]", "package/package.json"), (b"{}", "a/b/package.json")):
        with pytest.raises(IntegrityError):
            tarball(packed(tmp_path, data, name))
    (tmp_path / "x.whl").write_bytes(b"PK")
    with pytest.raises(IntegrityError, match="no wheel"):
        wheel(tmp_path / "x.whl")
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as archive:
        archive.writestr("a.dist-info/METADATA", "Name: a\n")
        archive.writestr("b.dist-info/METADATA", "Name: b\n")
    with pytest.raises(IntegrityError, match="no wheel"):
        wheel(tmp_path / "x.whl")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_package_or_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        path.write_bytes(data)
        for read in (wheel, tarball):
            with pytest.raises(IntegrityError):
                read(path)


@given(st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_damaged_package_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made.npm_registry(folder, "http://x", "made", "1.0.0", claim="com.example/made")
        npm, pypi = folder / "made-1.0.0.tgz", made.wheel(folder, "made", "1", claim="com.example/made")
        for path, plain in ((pypi, None), (npm, gzip.decompress)):
            data = bytearray(plain(path.read_bytes()) if plain else path.read_bytes())
            for at, byte in changes:
                data[at % min(len(data), 4000)] = byte
            path.write_bytes(gzip.compress(data, 1) if plain else data)
            with suppress(IntegrityError):
                (tarball if plain else wheel)(path)


def test_which_command_is_meant() -> None:
    assert chosen(("run",), "thing") == "run" and chosen(("other", "my_thing"), "@s/my-thing") == "my_thing"
    with pytest.raises(IntegrityError, match="no command of its own name, but: a, b"):
        chosen(("a", "b"), "thing")


@pytest.mark.parametrize(
    "kind, identifier, version, good",
    [
        ("pypi", "made-server", "1.0", True),
        ("pypi", "-r", "1.0", False),
        ("pypi", "a@git+https://x", "1.0", False),
        ("pypi", "made", ">=1", False),
        ("pypi", "made", "1.0 --index-url=x", False),
        ("npm", "@scope/made", "1.0.0-rc.1", True),
        ("npm", "../made", "1.0.0", False),
        ("npm", "--registry=x", "1.0.0", False),
        ("npm", "made", "latest", False),
        ("npm", "made", "file:../x", False),
        ("nuget", "Made.Server", "", False),
    ],
)
def test_a_name_or_a_version_that_could_mean_something_else_is_refused(
    kind: str, identifier: str, version: str, good: bool
) -> None:
    one = Package(registry_type=kind, identifier=identifier, version=version, transport=Transport(type="stdio"))
    if good:
        check_package(one)
    else:
        with pytest.raises(EntryError):
            check_package(one)
