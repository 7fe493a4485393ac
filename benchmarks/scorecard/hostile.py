"""A folder of sources that were made to harm, as one dragoman.yaml names them; each has something harmless beside it.

The files, tables, repositories and traps are those of the tests, so that what is tried there one by one is tried
here through a served program.
"""

from __future__ import annotations

import stat
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import duckdb
from tests.connectors import fixtures
from tests.connectors.code.repositories import git, made
from tests.connectors.code.test_hostile import CONFIGS, script
from tests.connectors.code.test_logs import BOMB
from tests.connectors.databases.attacks import SECRET as MASKED
from tests.connectors.databases.attacks import WORD
from tests.connectors.databases.test_attacks import SCHEMA

SETTINGS = f"""\
server: {{name: hostile}}
sources:
  shop: {{kind: database, url: "sqlite:///shop.db", mask: [customers.email], deny: [secrets, "words_of_secrets*"]}}
  plain: {{kind: database, url: "sqlite:///plain/plain.db"}}
  mart: {{kind: database, url: "duckdb:///mart/mart.duckdb", mask: [customers.email], deny: [secrets]}}
  tables: {{kind: database, url: "duckdb:///tables", deny: [riddles]}}
  papers: ./papers
  tree: {{kind: files, path: ./tree}}
  box: {{kind: files, path: ./box.zip}}
  repo: "git:./repo"
  logs: "logs:./logs"
tools:
  echo: {{argv: ["{sys.executable}", -IS, scripts/echo.py, --, "{{text}}"], params: {{text: {{}}}}, read_only: true}}
  bare: {{argv: ["{sys.executable}", -IS, scripts/echo.py, "{{text}}"], params: {{text: {{}}}}, read_only: true}}
"""
ECHO = "import json, sys\nprint(json.dumps(sys.argv[1:]))\n"
# How git reads a value at the start of its commands' words, and as a name.
OPTIONS = ["--output=owned", "-Oowned", "--upload-pack=touch owned", "--exec=touch owned", "--ext-diff", "-c"]
TREE = ("b.txt", "a/x.txt", "a/deep/y.txt", "c/z.md")
LINKS = {
    "out.txt": "../outside/x.txt", "etc.txt": "/etc/hostname", "env.txt": "c/.env", "key.txt": ".ssh/id_rsa",
    "loop.txt": "loop.txt", "through.txt": "way/x.txt",
}  # fmt: skip
NAMES = ("../out.txt", "/etc/hosts", "a/../../out.txt", ".env", "keys/id_rsa", ".git/config")


def make(folder: Path) -> Path:
    """Make all of it below `folder`, which must be empty; return the settings."""
    _databases(folder)
    _papers(folder / "papers")
    _tree(folder)
    _box(folder / "box.zip")
    _repository(folder)
    (folder / "logs").mkdir()
    (folder / "logs" / "laughs.xml").write_bytes(BOMB)
    (folder / "logs" / "outside.xml").write_bytes(
        b'<!DOCTYPE t [<!ENTITY x SYSTEM "../outside/x.txt">]><testsuite><testcase name="&x;"/></testsuite>'
    )
    (folder / "logs" / "good.xml").write_text('<testsuite><testcase name="fine"/></testsuite>')
    (folder / "scripts").mkdir()
    (folder / "scripts" / "echo.py").write_text(ECHO)
    settings = folder / "dragoman.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    return settings


def _databases(folder: Path) -> None:
    import sqlite3

    for place, text in (
        ("shop.db", SCHEMA + "CREATE TABLE t(a, b, c, d, e, name); INSERT INTO t(a, name) VALUES ('{\"b\": 1}', 'y');"),
        ("plain/plain.db", "CREATE TABLE t(a, b, c, d, e, name); INSERT INTO t(a, name) VALUES ('{\"b\": 1}', 'y');"),
    ):
        (folder / place).parent.mkdir(exist_ok=True)
        database = sqlite3.connect(folder / place)
        database.executescript(text)
        database.close()
    (folder / "mart").mkdir()
    with duckdb.connect(str(folder / "mart" / "mart.duckdb")) as mart:
        for sql in (
            "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, email TEXT, country TEXT)",
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER, total DOUBLE, note TEXT)",
            "CREATE TABLE secrets(id INTEGER, word TEXT)",
            "CREATE VIEW clean AS SELECT id, country FROM customers",
            "CREATE VIEW leaky AS SELECT id, email AS contact FROM customers",
            f"INSERT INTO customers VALUES (1, 'Ada', '{MASKED}', 'uk'), (2, 'Bob', 'bob@example.org', 'us')",
            "INSERT INTO orders VALUES (1, 1, 9.5, 'first'), (2, 2, 5, 'second')",
            f"INSERT INTO secrets VALUES (1, '{WORD}')",
        ):
            mart.execute(sql)
    (folder / "tables").mkdir()
    (folder / "tables" / "customers.csv").write_text("id,name,country\n1,Ada,uk\n2,Bob,us\n")
    (folder / "tables" / "orders.csv").write_text("id,customer_id,total,note\n1,1,9.5,first\n2,2,5,second\n")
    (folder / "tables" / "riddles.json").write_text(f'[{{"id": 1, "word": "{WORD}"}}]')
    (folder / "outside.csv").write_text(f"a\n{WORD}\n")
    (folder / "tables" / "leading_out.csv").symlink_to(folder / "outside.csv")


def _papers(folder: Path) -> None:
    folder.mkdir()
    for maker in (*fixtures.UNREADABLE, *fixtures.FORBIDDEN, *READ):
        maker(folder)
    (folder / "tree.pdf").write_bytes(_pdf(b"<< /Type /Pages /Kids [2 0 R] /Count 1000000000 >>"))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %s] /Contents 4 0 R >>"
    one, bomb = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", zlib.compress(b" " * 300_000_000, 9)
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(bomb) + bomb + b"\nendstream"
    (folder / "swelling.pdf").write_bytes(_pdf(one, rest=(page % b"600 800", stream)))
    empty = b"<< /Length 0 >>\nstream\n\nendstream"
    (folder / "wide.pdf").write_bytes(_pdf(one, rest=(page % b"100000000 100000000", empty)))
    (folder / "loop.pdf").write_bytes(_pdf(b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 /Parent 2 0 R >>"))
    act = b"/OpenAction << /S /Launch /F (/bin/sh) /Next << /S /JavaScript /JS (app.alert\\(1\\)) >> >> "
    (folder / "act.pdf").write_bytes(_pdf(one, act, rest=(page % b"600 800", empty)))


READ = (
    fixtures.good_pdf, fixtures.good_docx, fixtures.good_xlsx, fixtures.entity_bomb_docx, fixtures.external_entity_docx,
    fixtures.deep_html, fixtures.huge_line, fixtures.fifo, fixtures.looping_symlink, fixtures.binary_text,
)  # fmt: skip


def _pdf(pages: bytes, more: bytes = b"", rest: tuple[bytes, ...] = ()) -> bytes:
    """A PDF of a catalog and a tree of pages that is not as it should be."""
    parts = [b"<< /Type /Catalog /Pages 2 0 R " + more + b">>", pages, *rest]
    body = b"%PDF-1.7\n"
    places: list[int] = []
    for number, part in enumerate(parts, 1):
        places.append(len(body))
        body += b"%d 0 obj\n" % number + part + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(parts) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n" % size + table + b"trailer << /Size %d /Root 1 0 R >>\n" % size
    return body + end + b"startxref\n%d\n%%%%EOF" % len(body)


def _tree(folder: Path) -> None:
    for name in (*TREE, "c/.env", ".ssh/id_rsa", "server.key"):
        path = folder / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"inside {name}\n" if name in TREE else fixtures.SECRET)
    (folder / "outside").mkdir()
    (folder / "outside" / "x.txt").write_text(fixtures.SECRET)
    (folder / "tree" / "way").symlink_to("../outside")
    (folder / "tree" / "good.txt").symlink_to("a/x.txt")
    for name, target in LINKS.items():
        (folder / "tree" / name).symlink_to(target)


def _box(path: Path) -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one name stands there twice, on purpose
        archive.writestr(link, "/etc/passwd")
        for name in (*NAMES, "twice.txt", "twice.txt"):
            archive.writestr(name, fixtures.SECRET)
        archive.writestr("bomb.txt", b"\0" * 20_000_000)
        archive.writestr("liar.txt", b"ab" * 50_000)
        archive.writestr("fair.txt", "harmless\n")
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(b"liar.txt") - 46  # APPNOTE 4.3.12: 46 fixed bytes stand before the name
    raw[entry + 24 : entry + 28] = struct.pack("<L", 10)
    path.write_bytes(raw)


def _repository(folder: Path) -> None:
    """A repository that names our trap wherever git would start a program, and shows first that git does."""
    files: list[dict[str, str | None]] = [{"a.txt": "one\n", "b.dat": "x\n"}, {"a.txt": "two\n", "b.dat": "y\n"}]
    place = made(folder / "repo", {".gitattributes": "*.dat diff=evil filter=evil\n", "--output=owned": "x\n"}, *files)
    (place / "link").symlink_to(folder / "outside" / "x.txt")
    git(place, "add", "link")
    git(place, "commit", "-q", "-m", "link")
    mark = folder / "mark"
    trap = script(folder, mark)
    for key in (*(key for key, _ in CONFIGS.values()), "gpg.program", "core.sshCommand", "core.askPass", "core.pager"):
        git(place, "config", key, str(trap))
    for key in ("alias.log", "alias.grep", "alias.cat-file"):
        git(place, "config", key, f"!{trap}")
    git(place, "config", "log.showSignature", "true")
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (place / ".git" / "hooks").mkdir(exist_ok=True)
        (place / ".git" / "hooks" / hook).write_text(trap.read_text())
        (place / ".git" / "hooks" / hook).chmod(0o755)
    (place / ".git" / "refs" / "heads" / "--output=owned").write_text(git(place, "rev-parse", "HEAD"))
    subprocess.run(["git", "diff", "HEAD~2", "HEAD"], cwd=place, capture_output=True, check=False)
    if not mark.exists():
        raise RuntimeError("git itself does not start the trap: it is none")
    mark.unlink()
