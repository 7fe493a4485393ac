"""The record: who got what, readable by its owner alone, with secrets flagged and never copied."""

import datetime
import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors.desk import written

from dragoman import Client
from dragoman.connectors import build
from dragoman.connectors.recording import Recorder, flags
from dragoman.connectors.source import SourceError


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("-----BEGIN RSA PRIVATE KEY-----", ["private_key"]),
        ("AKIA" + "A1B2" * 4, ["access_key"]),
        ("ghp_" + "a1B2" * 9, ["access_key"]),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJlMTIz", ["token"]),
        ("session-eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJlMTIz", ["token"]),
        ('password = "hunter22"', ["password"]),
        ("postgresql://me:hunter22@db/x", ["credentials_in_url"]),
        ("write to ann@example.com", ["email"]),
        ("call +49 30 1234567", ["phone"]),
        ("DE89 3704 0044 0532 0130 00", ["iban"]),
        ("4111 1111 1111 1111", ["card"]),
        ("4111 1111 1111 1112", []),
        ("DE89 3704 0044 0532 0131 00", []),
        ("the password is long; see 12345 and 2026", []),
        ("order 1234567890123, version 1.2.3", []),
    ],
)
def test_secrets_and_personal_data_are_told_by_their_shape(text: str, kinds: list[str]) -> None:
    assert flags(text) == kinds


@given(st.text(max_size=300))
def test_any_text_can_be_looked_through(text: str) -> None:
    assert set(flags(text)) <= {
        "private_key", "access_key", "token", "password", "credentials_in_url", "email", "phone", "iban", "card"
    }  # fmt: skip


async def test_each_answer_is_a_line_and_holds_no_text(tmp_path: Path) -> None:
    folder = written(tmp_path / "papers", a_md="# A\n\nWrite to ann@example.com about marmalade.\n")
    record = tmp_path / "record.jsonl"
    server = build([str(folder)], cache_dir=tmp_path / "cache", record=record)
    async with Client(server) as client:
        while "goes on" in (await client.call_tool("describe", {"uri": "papers"})).structured["progress"]:
            pass
        await client.call_tool("search", {"query": "marmalade"})
        await client.call_tool("fetch", {"uri": "docs://papers/a.md"})
        await client.read("docs://papers/a.md")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    search, fetch, read = lines[-3:]
    assert (search["tool"], search["items"]) == ("search", ["docs://papers/a.md#lines=1-"])
    assert (fetch["tool"], fetch["items"], fetch["flags"]) == ("fetch", ["docs://papers/a.md"], ["email"])
    assert read["tool"] == "resources/read"
    assert fetch["client"].startswith("dragoman")
    assert "marmalade" not in record.read_text() and "ann@" not in record.read_text()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600


def test_a_record_that_others_read_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "record"
    record.write_text("")
    record.chmod(0o644)
    with pytest.raises(SourceError, match="chmod 600"):
        Recorder(record)
    record.chmod(0o600)
    Recorder(record, lambda: datetime.datetime.now(datetime.UTC)).close()
    (tmp_path / "link").symlink_to(record)
    with pytest.raises(SourceError, match="cannot be written"):
        Recorder(tmp_path / "link")
    with pytest.raises(SourceError, match="cannot be written"):
        Recorder(tmp_path / "nowhere" / "record")
