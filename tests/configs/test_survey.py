"""A corpus of clients' files, by client and system: read, moved through a neutral file, and left as they were."""

from pathlib import Path

import msgspec
import pytest

from dragoman.configs import documents, portable
from dragoman.configs.clients import CLIENTS, client_named
from dragoman.configs.documents import ABSENT
from dragoman.configs.entry import Entry
from dragoman.configs.machine import Machine
from dragoman.configs.plans import Setting, put
from dragoman.configs.secrecy import without_secrets
from dragoman.configs.survey import Found, look, see, spots, survey, target_spot
from dragoman.configs.tables import entry_of, merged, table_of

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(file for file in CORPUS.glob("*/*") if file.parent.name != "broken")
WRITTEN = [file for file in FILES if file.parent.name != "continue"]  # its list of servers is only read
BROKEN = sorted((CORPUS / "broken").glob("*"))
OWN = ("/opt/dragoman",)


def named(file: Path) -> str:
    return f"{file.parent.name}-{file.name}"


def machine(tmp_path: Path, system: str = "linux", **environ: str) -> Machine:
    return Machine(system, tmp_path / "home", environ, tmp_path / "project")  # type: ignore[arg-type]


def placed(file: Path, tmp_path: Path) -> Found:
    """Lay a file of the corpus where its client looks for it, and return what is read there."""
    there = machine(tmp_path, file.stem)
    for spot in spots(client_named(file.parent.name), there, "user"):
        if spot.path.suffix == file.suffix:
            spot.path.parent.mkdir(parents=True, exist_ok=True)
            spot.path.write_bytes(file.read_bytes())
            if (found := look(spot)).entries:
                return found
    raise AssertionError(f"nothing reads {file}")


@pytest.mark.parametrize("file", FILES, ids=named)
def test_every_server_of_the_corpus_is_read(file: Path, tmp_path: Path) -> None:
    found = placed(file, tmp_path)
    assert found.faults == ()
    held = documents.at(documents.load(file.read_bytes(), found.spot.place.format), found.spot.key)
    assert len(found.entries) == len([one for one in held if one != "developer"])  # Goose's own


@pytest.mark.parametrize("file", FILES, ids=named)
def test_importing_what_was_exported_gives_the_same_servers(file: Path, tmp_path: Path) -> None:
    entries = placed(file, tmp_path).entries
    exported = portable.export(entries)
    again = portable.load(exported.text.encode())
    safe = [without_secrets(entry)[0] for entry in entries]
    assert [unnamed(entry) for entry in again] == [unnamed(entry) for entry in safe]
    assert portable.export(again).text == exported.text


def unnamed(entry: Entry) -> Entry:
    """Whose keys they are matters only where there are some."""
    return entry if entry.extra else msgspec.structs.replace(entry, client="")


@pytest.mark.parametrize("file", FILES, ids=named)
def test_a_server_written_anew_in_its_clients_format_is_the_same_server(file: Path, tmp_path: Path) -> None:
    found = placed(file, tmp_path)
    place = found.spot.place
    for entry in found.entries:
        table = table_of(entry, place.shape, entry.client)
        data = documents.change(b"", place.format, (*place.key, entry.name), table)
        held = documents.at(documents.load(data, place.format), (*place.key, entry.name))
        assert entry_of(entry.name, held, place.shape, entry.client) == entry


@pytest.mark.parametrize("file", WRITTEN, ids=named)
def test_a_server_that_is_there_already_changes_no_byte(file: Path, tmp_path: Path) -> None:
    found = placed(file, tmp_path)
    place, data = found.spot.place, file.read_bytes()
    for entry in found.entries:
        key = (*found.spot.key, entry.name)
        existing = documents.at(documents.load(data, place.format), key)
        table = merged(existing, entry, place.shape, entry.client)
        assert documents.change(data, place.format, key, table) == data


@pytest.mark.parametrize("file", WRITTEN, ids=named)
def test_what_is_put_in_and_taken_out_again_leaves_the_file_byte_for_byte(file: Path, tmp_path: Path) -> None:
    found = placed(file, tmp_path)
    place, data = found.spot.place, file.read_bytes()
    entry = Entry(name="new one", transport="stdio", command=("prog",), args=(("-x",), ("é",)), env={"A": ("1",)})
    key = (*found.spot.key, entry.name)
    more = documents.change(data, place.format, key, table_of(entry, place.shape, ""))
    assert more != data
    assert all(line in more.splitlines() or b"}" in line for line in data.splitlines())
    assert documents.change(more, place.format, key, ABSENT) == data


@pytest.mark.parametrize("file", BROKEN, ids=named)
def test_a_broken_file_is_told_of_and_never_written(file: Path, tmp_path: Path) -> None:
    client, there = client_named(file.name.partition("-")[0]), machine(tmp_path)
    spot = target_spot(client, there)
    spot.path.parent.mkdir(parents=True)
    spot.path.write_bytes(file.read_bytes())
    assert len(look(spot).faults) == 1
    plan = put(client, [Entry(name="a", transport="stdio", command=("x",))], Setting(there, OWN))
    assert plan.change is None and plan.refusal
    # Its twin that is whole is written.
    spot.path.write_bytes(b"")
    assert put(client, [Entry(name="a", transport="stdio", command=("x",))], Setting(there, OWN)).change is not None


def test_the_corpus_has_every_client_of_the_table() -> None:
    assert {file.parent.name for file in FILES} == {client.id for client in CLIENTS}


def test_an_empty_machine_has_no_clients(tmp_path: Path) -> None:
    assert survey(machine(tmp_path)) == []
    (tmp_path / "home/.cursor").mkdir(parents=True)
    assert [seen.client.id for seen in survey(machine(tmp_path))] == ["cursor"]


def test_each_candidate_is_looked_at_where_sources_disagree(tmp_path: Path) -> None:
    there = machine(tmp_path, "mac")
    for path in (".config/zed/settings.json", "Library/Application Support/Zed/settings.json"):
        (there.home / path).parent.mkdir(parents=True)
        (there.home / path).write_text(f'{{"context_servers": {{"{path[:3]}": {{"command": "x"}}}}}}')
    assert [entry.name for entry in see(client_named("zed"), there).entries] == [".co", "Lib"]


def test_a_variable_may_move_a_clients_folder(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    there = machine(tmp_path, CODEX_HOME=str(folder))
    assert target_spot(client_named("codex"), there).path == folder / "config.toml"
    assert target_spot(client_named("codex"), machine(tmp_path)).path == tmp_path / "home/.codex/config.toml"


def test_a_file_in_the_home_folder_counts_once_though_it_is_the_projects_too(tmp_path: Path) -> None:
    there = Machine("linux", tmp_path, {}, tmp_path)
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".cursor/mcp.json").write_text('{"mcpServers": {"a": {"command": "x"}}}')
    assert len([file for file in see(client_named("cursor"), there).files if file.exists]) == 1


def test_the_servers_of_a_project_in_claude_code_are_found_by_its_path(tmp_path: Path) -> None:
    there = machine(tmp_path)._replace(project=Path("/home/me/app"))
    there.home.mkdir()
    (there.home / ".claude.json").write_bytes((CORPUS / "claude-code/linux.json").read_bytes())
    assert "local" in [entry.name for entry in see(client_named("claude-code"), there).entries]
    elsewhere = there._replace(project=Path("/home/me/other"))
    assert "local" not in [entry.name for entry in see(client_named("claude-code"), elsewhere).entries]


def test_a_store_version_of_a_desktop_program_is_found_by_its_pattern(tmp_path: Path) -> None:
    there = machine(tmp_path, "windows")
    file = there.home / "AppData/Local/Packages/Claude_x1/LocalCache/Roaming/Claude/claude_desktop_config.json"
    file.parent.mkdir(parents=True)
    file.write_bytes((CORPUS / "claude-desktop/windows.json").read_bytes())
    assert [entry.name for entry in see(client_named("claude-desktop"), there).entries] == ["files"]


def test_a_client_that_is_not_known_is_told_of_with_those_that_are() -> None:
    with pytest.raises(Exception, match="there is no client 'emacs'; there is claude-desktop, claude-code"):
        client_named("emacs")
    assert client_named("Claude Code").id == client_named("claude-code").id == "claude-code"
