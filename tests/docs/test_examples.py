"""Every Python example of the documentation runs, in one namespace per page; every link leads somewhere."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.S | re.M)
ALIASED = "compat.md"  # its examples import other packages, whose names stand for ours under `dragoman run`
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def examples(page: Path) -> list[tuple[int, str]]:
    """Return (line, code) of each Python block of a page."""
    text = page.read_text("utf-8")
    return [(text[: found.start()].count("\n") + 2, found[1]) for found in BLOCK.finditer(text)]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page) and page.name != ALIASED], ids=name)
def test_the_examples_of_a_page_run(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for home in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(home, str(tmp_path))  # approvals and logs of examples are none of the user's
    module = ModuleType(f"example_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for line, code in examples(page):
        # Blank lines before the code, so that a traceback names the page's own line.
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), module.__dict__)


def test_the_examples_for_other_packages_run_on_ours(tmp_path: Path) -> None:
    page = ROOT / "docs" / ALIASED
    assert examples(page)
    program = (
        "import sys; from dragoman.compat import finder; finder.install(); exec(sys.stdin.read(), {'__name__': 'x'})"
    )
    for _, code in examples(page):
        subprocess.run([sys.executable, "-c", program], input=code, text=True, check=True, cwd=tmp_path)


def test_an_example_that_fails_is_seen() -> None:
    (_, code), *_ = [(found.start(), found[1]) for found in BLOCK.finditer("```python\nassert 1 == 2\n```\n")]
    with pytest.raises(AssertionError):
        exec(code)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert missing == []
