"""What a server is called, and what its command is, stays one word of a client's own installer (threat 8)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.configs.test_plans import with_program

from dragoman.configs.clients import client_named
from dragoman.configs.entry import Entry
from dragoman.configs.plans import carry_out, put
from dragoman.configs.survey import see

HOSTILE = [
    'x"; touch ran; echo "', "$(touch ran)", "`touch ran`", "x && touch ran", "x | touch ran", "x & touch ran &",
    "x\ntouch ran\n", "'; touch ran; '", "%COMSPEC% /c touch ran", "x > ran", "*", "~", "${HOME}",
]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="a script with #! is no program there")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_reach_a_clients_installer_as_words(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sec/08 (CVE-2025-62801, CVE-2025-64340): name, argument and folder of a server, as that installer kept them."""
    monkeypatch.chdir(tmp_path)
    here = with_program(tmp_path, "file.write_text(json.dumps(held))")
    client = client_named("claude-code")
    name = text if "\n" not in text and "$" not in text else "named"
    argument = text if "${" not in text else "plain"
    carry_out(put(client, [Entry(name=name, transport="stdio", command=("npx",), args=((argument,),))], here), here)
    (entry,) = see(client, here.machine).entries
    assert (entry.name, entry.command, entry.args) == (name, ("npx",), ((argument,),))
    assert [file for file in tmp_path.rglob("*") if file.name == "ran"] == []
