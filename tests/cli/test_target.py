"""Which server a command line means."""

import pytest

from dragoman.cli.outcome import UsageError
from dragoman.cli.target import AT_A_URL, choose, read_headers, split_command


def test_a_command_comes_after_the_first_double_dash() -> None:
    assert split_command(["add", "a=1", "--", "python", "s.py", "--", "x"]) == (
        ["add", "a=1"],
        ["python", "s.py", "--", "x"],
    )
    assert split_command(["http://h/mcp", "add"]) == (["http://h/mcp", "add"], None)
    assert split_command(["--"]) == ([], [])


def test_a_url_is_the_first_word_and_a_command_leaves_all_words() -> None:
    assert choose(["HTTP://h/mcp", "add"], None) == ("HTTP://h/mcp", ["add"])
    assert choose(["add", "a=1"], ["python", "s.py"]) == (["python", "s.py"], ["add", "a=1"])


def test_a_file_that_exists_is_a_target_and_one_that_does_not_is_told(tmp_path) -> None:
    file = tmp_path / "clients.json"
    with pytest.raises(UsageError, match="no such file"):
        choose([f"{file}#weather"], None)
    file.write_text("{}")
    assert choose([f"{file}#weather"], None, starts=False) == (f"{file}#weather", [])


def test_a_python_file_is_a_target_with_the_name_of_one_of_its_servers_or_without(tmp_path) -> None:
    file = tmp_path / "two.py"
    file.write_text("")
    assert choose([str(file), "tools"], None) == (str(file), ["tools"])
    assert choose([f"{file}:b"], None) == (f"{file}:b", [])
    with pytest.raises(UsageError, match=r"no such file: none\.py"):
        choose(["none.py:b"], None)
    with pytest.raises(UsageError, match="is not a server"):
        choose([f"{file}:3"], None)


@pytest.mark.parametrize(
    "words, command, told",
    [
        ([], None, "which server?"),
        ([], [], "after -- comes the command"),
        (["http://h/mcp"], ["python"], "two targets"),
        (["localhost:8000/mcp"], None, "did you mean http://localhost:8000/mcp?"),
        (["search"], None, "'search' is not a server"),
    ],
)
def test_what_cannot_be_a_target_is_refused_with_what_to_write(words, command, told) -> None:
    with pytest.raises(UsageError) as refused:
        choose(words, command)
    assert told in str(refused.value)


def test_a_command_that_wants_a_url_says_so() -> None:
    with pytest.raises(UsageError, match=r"which server\? this is for one at a URL"):
        choose([], None, what=AT_A_URL)
    assert choose(["https://h/mcp"], None, what=AT_A_URL) == ("https://h/mcp", [])


def test_headers_are_read_and_a_bad_one_is_refused_without_its_value() -> None:
    assert read_headers(["Authorization: Bearer a:b", "X-A:"]) == {"Authorization": "Bearer a:b", "X-A": ""}
    for line in ("Bearer sesame", "bad name: sesame", "X-A: sesame\r\nX-B: 1", ": sesame"):
        with pytest.raises(UsageError) as refused:
            read_headers([line])
        assert "sesame" not in str(refused.value)
