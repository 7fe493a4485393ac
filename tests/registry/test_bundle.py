"""Bundles: what is unpacked, and every trick of a zip file that is not."""

import io
import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.registry.bundle import Limits, check, check_hash, load, look, unpack
from dragoman.registry.faults import BundleError, IntegrityError
from dragoman.registry.packing import pack

MANIFEST = {
    "manifest_version": "0.3",
    "name": "hello",
    "version": "1.0.0",
    "description": "Says hello",
    "author": {"name": "A"},
    "server": {
        "type": "python",
        "entry_point": "main.py",
        "mcp_config": {"command": "python", "args": ["${__dirname}/main.py"]},
    },
}
TEXT = json.dumps(MANIFEST)


def bundle(*members: tuple[str | zipfile.ZipInfo, bytes], text: str = TEXT) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", text)
        archive.writestr("main.py", b"print('hello')")
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def member(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def test_a_bundle_is_unpacked_with_its_folders_and_what_runs_can_run(tmp_path: Path) -> None:
    data = bundle(
        ("lib/a/b.txt", b"b"),
        (member("run.sh", stat.S_IFREG | 0o4777), b"#!"),
        (member("empty/", stat.S_IFDIR | 0o755), b""),
    )
    found = look(data)
    assert found.files == ("manifest.json", "main.py", "lib/a/b.txt", "run.sh") and check(found) == []
    unpack(found, tmp_path / "there")
    assert (tmp_path / "there/lib/a/b.txt").read_bytes() == b"b"
    assert stat.S_IMODE((tmp_path / "there/run.sh").stat().st_mode) & 0o7022 == 0, "no setuid, not writable for others"
    assert (tmp_path / "there/run.sh").stat().st_mode & 0o100 and not (
        tmp_path / "there/main.py"
    ).stat().st_mode & 0o100
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize(
    "name",
    [
        "../up", "/etc/passwd", "a/../../b", "a\\b", "C:/x", "a//b", "./a", "a/./b", "a\0b", "x\u202ey", "con",
        "lpt1.txt", "dot.", "a/" * 41 + "b", "n" * 256,
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    with pytest.raises(BundleError):
        look(bundle((info, b"x")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, stat.S_IFDIR])
def test_a_link_or_a_device_is_refused(kind: int) -> None:
    with pytest.raises(BundleError, match="a link or a device"):
        look(bundle((member("x", kind | 0o777), b"/etc/passwd")))
    look(bundle((member("x", stat.S_IFREG | 0o777), b"/etc/passwd")))


@pytest.mark.parametrize(
    "names", [("Main.py",), ("MAIN.PY",), ("a", "a/b"), ("a/b", "A"), ("é", "e\u0301"), ("L/x", "l/y")]
)
def test_two_members_that_one_file_system_takes_for_one_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(BundleError, match="one file on some systems"):
        look(bundle(*[(name, b"x") for name in names]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BundleError, match="one file"):
        look(bundle(("main.py", b"other")))


def test_a_bomb_is_refused_by_what_the_directory_says_and_by_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="grows more than 200 times"):
        look(bundle(("zeros", bytes(8 * 1024 * 1024))))
    small = Limits(unpacked=2000)
    with pytest.raises(BundleError, match="more than 2000 bytes"):
        look(bundle(("x", b"0123456789" * 400)), small)
    # The directory says 10 bytes, and the data has more: zipfile would stop quietly, and the checksum tells.
    data = bytearray(bundle(("liar", b"x" * 5000)))
    at = data.rindex(b"liar") - 46
    assert struct.unpack_from("<I", data, at + 24) == (5000,)
    struct.pack_into("<I", data, at + 24, 10)
    with pytest.raises(BundleError, match="'liar' cannot be read"):
        unpack(look(bytes(data)), tmp_path / "there")
    assert list(tmp_path.iterdir()) == [], "nothing of it stays"


def test_too_many_members_or_bytes_are_refused() -> None:
    with pytest.raises(BundleError, match="3 members; 2 are taken"):
        look(bundle(("x", b"")), Limits(members=2))
    with pytest.raises(BundleError, match="more than 100 bytes"):
        look(bundle(), Limits(bundle=100))


def test_an_encrypted_or_oddly_compressed_member_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("manifest.json", TEXT)
    with pytest.raises(BundleError, match="compressed in a way"):
        look(out.getvalue())
    data = bytearray(bundle(("secret", b"x")))
    at = data.rindex(b"secret") - 46
    data[at + 8] |= 1
    with pytest.raises(BundleError, match="is encrypted"):
        look(bytes(data))


def test_what_stands_at_the_target_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(BundleError, match="exists"):
        unpack(look(bundle()), tmp_path / "there")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(BundleError, match="exists"):
        unpack(look(bundle()), tmp_path / "link")


def test_a_signature_block_is_found_and_its_length_has_to_be_right() -> None:
    plain = bundle()
    signed = plain + b"MCPB_SIG_V1" + struct.pack("<I", 5) + b"12345" + b"MCPB_SIG_END"
    assert look(signed).signed and look(signed).data == plain and not look(plain).signed
    with pytest.raises(BundleError, match="length in the bundle's signature"):
        look(plain + b"MCPB_SIG_V1" + struct.pack("<I", 4) + b"12345" + b"MCPB_SIG_END")
    with pytest.raises(BundleError, match="no beginning of a signature"):
        look(plain + b"MCPB_SIG_END")


def test_a_hash_has_to_be_there_and_to_be_right() -> None:
    found = look(bundle())
    check_hash(found, found.sha256)
    check_hash(found, found.sha256.upper())
    with pytest.raises(IntegrityError, match="names no fileSha256"):
        check_hash(found, "")
    with pytest.raises(IntegrityError, match="the registry names 0000"):
        check_hash(found, "0" * 64)


@given(st.binary(max_size=200), st.integers(min_value=0), st.binary(min_size=1, max_size=8))
def test_whatever_the_bytes_are_it_is_a_bundle_or_an_error(junk: bytes, at: int, change: bytes) -> None:
    whole = bundle(("a/b", b"text" * 20))
    place = at % len(whole)
    for data in (junk, whole[:place] + change + whole[place + len(change) :], whole + junk, junk + whole):
        try:
            found = look(data)
        except BundleError:
            continue
        assert "manifest.json" in found.files and all(".." not in name.split("/") for name in found.files)


def test_a_folder_gives_the_same_bundle_each_time_and_private_files_stay_out(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    (folder / "lib").mkdir(parents=True)
    (folder / "node_modules/.bin").mkdir(parents=True)
    for name in (
        "main.py",
        "lib/x.py",
        "lib/x.pyc",
        ".env",
        ".env.local",
        ".npmrc",
        "notes.txt",
        "lib/draft.txt",
        "a.log",
    ):
        (folder / name).write_text(name)
    (folder / "manifest.json").write_text(TEXT)
    (folder / ".mcpbignore").write_text("# own\nnotes.txt\n/lib/draft.txt\n")
    (folder / "run.sh").write_text("#!")
    (folder / "run.sh").chmod(0o755)
    first = pack(folder)
    (folder / "main.py").touch()
    assert pack(folder) == first
    assert look(first).files == ("lib/x.py", "main.py", "manifest.json", "run.sh")
    (tmp_path / "x.mcpb").write_bytes(first)
    unpack(load(tmp_path / "x.mcpb"), tmp_path / "there")
    assert (tmp_path / "there/run.sh").stat().st_mode & 0o100


def test_a_folder_with_a_link_or_without_what_its_manifest_names_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(TEXT)
    with pytest.raises(BundleError, match=r"'main\.py' is not in the bundle"):
        pack(tmp_path)
    (tmp_path / "main.py").symlink_to("/etc/passwd")
    with pytest.raises(BundleError, match="is a link"):
        pack(tmp_path)
    (tmp_path / "main.py").unlink()
    (tmp_path / "main.py").write_text("")
    (tmp_path / ".mcpbignore").write_text("!main.py\n")
    with pytest.raises(BundleError, match="not understood here"):
        pack(tmp_path)
    (tmp_path / ".mcpbignore").unlink()
    pack(tmp_path)


def test_a_bundle_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        load(tmp_path / "none.mcpb")
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        look(out.getvalue())
