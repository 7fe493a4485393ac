"""`dragoman serve` with dragoman.yaml, its check, whom it refuses; `dragoman index`; `--install`."""

import json
import os
from pathlib import Path

import pytest

from dragoman.app.launching import approvals
from dragoman.cli import entry, serve
from dragoman.cli.outcome import UsageError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o755)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "a.md").write_text("# A\n\nmarmalade\n")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str) -> None:
    file = Path("dragoman.yaml")
    file.write_text(text)
    file.chmod(0o600)


def test_a_check_says_how_all_is_and_what_it_costs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written("sources: {papers: ./papers}")
    assert entry.run(["serve", "--check"]) == 0
    out = capsys.readouterr().out
    assert "docs://papers/" in out and "definitions cost about" in out
    assert entry.run(["serve", "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["good"] and found["sources"][0]["uri"] == "docs://papers/" and found["tokens"]["search"] > 50
    assert entry.run(["serve", "--check", "papers"]) == 0


def test_a_check_fails_for_what_is_inactive_and_for_a_wrong_file(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written('sources: {papers: ./papers, other: {path: "${command:echo papers}"}}')
    assert entry.run(["serve", "--check"]) == 1
    assert "dragoman approve" in capsys.readouterr().out
    assert entry.run(["approve", "dragoman.yaml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["server"].endswith("dragoman.yaml#sources.other.path") and not shown["approved"]
    assert entry.run(["approve", "dragoman.yaml", "--digest", "0" * 32]) == 2
    assert entry.run(["approve", "dragoman.yaml", "--digest", shown["digest"]]) == 0
    assert entry.run(["serve", "--check"]) == 0
    written("sorces: {papers: ./papers}")
    assert entry.run(["serve", "--check"]) == 2
    assert "did you mean 'sources'" in capsys.readouterr().err
    assert entry.run(["serve", "--check", "--json", "--config", "nowhere.yaml"]) == 2
    assert "cannot be read" in str(json.loads(capsys.readouterr().err))


def test_a_check_names_what_cannot_be_read_and_refuses_what_serving_refuses(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "papers" / "empty.txt").write_text("")
    assert entry.run(["serve", "--check", "papers"]) == 0
    out = capsys.readouterr().out
    assert (
        out.startswith("papers: 1 source\n")
        and "    cannot be read: empty.txt: empty: the file has no content\n" in out
    )
    assert entry.run(["serve", "--check", "--json", "papers"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["sources"]
    assert one["unreadable_total"] == len(one["unreadable"]) == 1
    for words, told in (
        (["papers", "--allow-write", "shop"], "allow_write names 'shop'; sources here: papers"),
        (["a=papers", "a=papers"], "there are two sources named a: give one of them another name"),
        (["My Papers=papers"], "'My Papers' is no name of a source"),
    ):
        assert entry.run(["serve", "--check", *words]) == 2
        assert told in capsys.readouterr().err
    assert entry.run(["serve", "--json", "papers"]) == 2
    assert "--json is for: dragoman serve --check" in capsys.readouterr().err


def test_sources_come_from_the_words_or_from_the_file(place: Path) -> None:
    parser = entry.Parser(prog="dragoman serve")
    serve.add_arguments(parser)
    with pytest.raises(UsageError, match=r"write a dragoman\.yaml"):
        serve.config_of(parser.parse_args([]))
    written("sources: {papers: ./papers}")
    assert serve.config_of(parser.parse_args([])) == place / "dragoman.yaml"
    assert serve.config_of(parser.parse_args(["papers"])) is None
    with pytest.raises(UsageError, match="not in both"):
        serve.config_of(parser.parse_args(["papers", "--config", "dragoman.yaml"]))
    words = serve.words_of(parser.parse_args(["--config", "dragoman.yaml", "--record", "r"]), place / "dragoman.yaml")
    assert words[-5:] == ["--config", str(place / "dragoman.yaml"), "--stdio", "--record", str(place / "r")]


def test_other_machines_come_in_with_tokens_or_when_the_owner_says_anyone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.run(["serve", "papers", "--http", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "anyone who reaches 0.0.0.0 could read all of this" in capsys.readouterr().err
    parser = entry.Parser(prog="dragoman serve")
    serve.add_arguments(parser)
    options = parser.parse_args(["papers", "--http", "--host", "0.0.0.0", "--anyone"])
    server = serve.simple(options)
    serve.judge_openness(server, serve.hosting.choose(options), options)
    near = parser.parse_args(["papers", "--http"])
    serve.judge_openness(server, serve.hosting.choose(near), near)


def test_indexes_are_shown_and_taken_away(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.run(["serve", "--check", "papers"]) == 0
    capsys.readouterr()
    assert entry.run(["index", "status", "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    assert kept["name"] == "papers" and kept["about"] == "1 file" and oct(os.stat(kept["path"]).st_mode)[-3:] == "600"
    assert entry.run(["index", "purge", "papres"]) == 2
    assert "did you mean 'papers'" in capsys.readouterr().err
    assert Path(kept["path"]).exists()
    assert entry.run(["index", "purge", "papers"]) == 0
    assert not list(Path(kept["path"]).parent.iterdir())
    assert entry.run(["index"]) == 0
    assert capsys.readouterr().out.endswith("there is no index\n")
    assert entry.run(["index", "purge"]) == 2


def test_it_is_put_into_a_client_and_taken_out_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = place / "home" / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"other": {"command": "x"}}}')
    assert entry.run(["serve", "papers", "--install", "cursor", "--yes"]) == 0
    servers = json.loads(file.read_text())["mcpServers"]
    words = [servers["papers"]["command"], *servers["papers"]["args"]]
    assert words[-3:] == ["serve", str(place / "papers"), "--stdio"] and os.path.isabs(words[0])
    assert entry.run(["serve", "papers", "--uninstall", "cursor", "--yes"]) == 0
    assert list(json.loads(file.read_text())["mcpServers"]) == ["other"]
    for none in (["nowhere"], ["--config", "nowhere.yaml"]):  # what could not be started is not put in
        assert entry.run(["serve", *none, "--install", "cursor", "--yes"]) == 2
    assert list(json.loads(file.read_text())["mcpServers"]) == ["other"]


def test_an_approval_is_listed_and_taken_back(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mcp.json").write_text('{"mcpServers": {"w": {"command": "python", "args": ["w.py"]}}}')
    assert entry.run(["approve"]) == 0
    assert capsys.readouterr().out == "nothing was approved\n"
    assert entry.run(["approve", "mcp.json#w", "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)["digest"]
    assert entry.run(["approve", "mcp.json#w", "--digest", digest]) == 0
    assert entry.run(["approve", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out.partition("approved\n")[2])) == [digest]
    assert entry.run(["approve", "--forget", "mcp.json#w"]) == 0
    assert entry.run(["approve", "--forget", "--digest", digest, "--json"]) == 0
    assert capsys.readouterr().out.startswith(f"taken back: {digest}\n") and not approvals().kept()
    for words in (["--forget"], ["--forget", "mcp.json#w", "--digest", digest], ["--forget", "mcp.json#none"]):
        assert entry.run(["approve", *words]) == 2
