"""The made company: the same twice over, and its reports state what its database holds."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import docx
import duckdb
import openpyxl
import pypdfium2
import pytest

from dragoman import Host
from dragoman.connectors.assembly import build as build_server
from dragoman.connectors.folders.crawl import Folder
from dragoman.connectors.folders.documents import Documents
from dragoman.connectors.folders.index import Index
from dragoman.host.audit import Audit
from dragoman.host.consent import Consent
from dragoman.host.consent_book import Book
from dragoman.host.events import Returned, Wants
from dragoman.host.rules import Rules
from dragoman.testing import ScriptedModel

ACME = Path(__file__).resolve().parents[2] / "examples" / "acme"
LINES = 2000
PARTS = {"documents", "sales.db", "code", "builds", "exports", "scripts", "dragoman.yaml", "truth.json", "stamp.json"}


def program(name: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ACME / name), *map(str, arguments)]


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(program(name, *arguments), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two companies made at the same time with the same arguments."""
    outs = [tmp_path_factory.mktemp("acme") / f"company{number}" for number in (1, 2)]
    running = [
        subprocess.Popen(program("generate.py", out, "--lines", LINES), stderr=subprocess.PIPE, text=True)
        for out in outs
    ]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return outs


@pytest.fixture(scope="module")
def acme(twins: list[Path]) -> Path:
    return twins[0]


@pytest.fixture(scope="module")
def truth(acme: Path) -> dict:
    return json.loads((acme / "truth.json").read_text())


@pytest.fixture(scope="module")
def database(acme: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{acme / 'sales.db'}?mode=ro", uri=True)
    yield connection
    connection.close()


def files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def pdf_pages(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def word_text(path: Path) -> str:
    document = docx.Document(str(path))
    cells = [cell.text for table in document.tables for cell in table._cells]
    return "\n".join([paragraph.text for paragraph in document.paragraphs] + cells)


def chunks(path: Path) -> list[str]:
    """The text that a search would see: pages of a PDF, everything at once of the others."""
    if path.suffix == ".pdf":
        return pdf_pages(path)
    if path.suffix == ".docx":
        return [word_text(path)]
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        return ["\n".join(" ".join(map(str, row)) for sheet in book for row in sheet.iter_rows(values_only=True))]
    return [path.read_text(encoding="utf-8")]


def dollars(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02d}"


def plain(text: str) -> str:
    """Without line ends, which differ with the format."""
    return " ".join(text.split())


def test_the_same_seed_gives_the_same_bytes(twins: list[Path]) -> None:
    # Git notes in its index when it looked at each file; what it keeps is named by its content.
    index = "code/.git/index"
    first, second = (
        {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files(out).items() if name != index}
        for out in twins
    )
    assert first == second
    assert "code/.git/refs/heads/main" in first


def test_another_seed_gives_another_company_in_place_of_an_older_one(acme: Path, tmp_path: Path) -> None:
    older = tmp_path / "other"
    older.mkdir()
    (older / "stamp.json").write_text('{"made_by": "examples/acme/generate.py", "program": "older"}')
    (older / "left.over").touch()
    assert run("generate.py", tmp_path / "other", "--lines", LINES, "--seed", 2).returncode == 0
    theirs, ours = (json.loads((out / "truth.json").read_text()) for out in (tmp_path / "other", acme))
    assert [q["total_cents"] for q in theirs["quarters"]] != [q["total_cents"] for q in ours["quarters"]]
    assert len(theirs["files"]) == len(ours["files"])
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert {path.name for path in older.iterdir()} == PARTS


def test_there_are_some_two_hundred_documents_in_seven_formats(acme: Path, truth: dict) -> None:
    found = files(acme / "documents")
    assert sorted(found) == truth["files"]
    assert 190 <= len(found) <= 230
    assert Counter(path.suffix[1:] for path in found.values()) == truth["formats"]
    assert {"pdf", "docx", "xlsx", "csv", "html", "md", "txt"} == set(truth["formats"])
    assert min(truth["formats"].values()) >= 10


def test_the_database_is_whole(database: sqlite3.Connection) -> None:
    assert database.execute("SELECT COUNT(*) FROM order_lines").fetchone() == (LINES,)
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    first, last = database.execute("SELECT MIN(ordered_on), MAX(ordered_on) FROM orders").fetchone()
    assert first.startswith("2024-01") and last.startswith("2026-09")
    early = "SELECT COUNT(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE ordered_on < customer_since"
    assert database.execute(early).fetchone() == (0,)


def test_amounts_are_price_times_quantity_less_discount(database: sqlite3.Connection) -> None:
    rows = database.execute("SELECT quantity, unit_price_cents, discount_percent, amount_cents FROM order_lines")
    assert all(100 * amount - price * count * (100 - off) in range(-50, 51) for count, price, off, amount in rows)


def test_each_report_states_what_the_database_says(acme: Path, truth: dict, database: sqlite3.Connection) -> None:
    assert [quarter["quarter"] for quarter in truth["quarters"]][-1] == "Q3 2026"
    for quarter in truth["quarters"]:
        cents = round(database.execute(quarter["sql"]).fetchone()[0] * 100)
        pages = pdf_pages(acme / "documents" / quarter["report"])
        assert cents == quarter["total_cents"]
        assert len(pages) == quarter["pages"] and 4 <= len(pages) <= 8
        assert quarter["title"] in pages[0]
        assert f"for {dollars(cents)} in the" in plain(pages[0])
        assert dollars(cents) in word_text(acme / "documents" / quarter["summary"])


def test_regions_product_lines_and_customers_agree_with_the_database(
    acme: Path, truth: dict, database: sqlite3.Connection
) -> None:
    sql = """SELECT {}, SUM(l.amount_cents) FROM order_lines l JOIN orders o ON o.id = l.order_id
             JOIN customers c ON c.id = o.customer_id JOIN products p ON p.id = l.product_id
             WHERE o.ordered_on BETWEEN ? AND ? GROUP BY 1 ORDER BY 2 DESC, 1"""
    for quarter in truth["quarters"]:
        span = quarter["first_day"], quarter["last_day"]
        report = plain(" ".join(pdf_pages(acme / "documents" / quarter["report"])))
        summary = word_text(acme / "documents" / quarter["summary"])
        for column, key in (("c.region", "regions_cents"), ("p.product_line", "product_lines_cents")):
            parts = dict(database.execute(sql.format(column), span).fetchall())
            assert parts == quarter[key]
            assert sum(parts.values()) == quarter["total_cents"]
            for name, cents in parts.items():
                assert f"{name} {dollars(cents)}" in report
                assert dollars(cents) in summary
        top = dict(database.execute(sql.format("c.name") + " LIMIT 10", span).fetchall())
        assert top == quarter["top_customers_cents"]
        assert all(f"{rank}. {name} {dollars(top[name])}" in report for rank, name in enumerate(top, 1))


def test_the_workbook_has_the_same_figures(acme: Path, truth: dict) -> None:
    for quarter in truth["quarters"][-2:]:
        book = openpyxl.load_workbook(acme / "documents" / quarter["workbook"])
        figures = dict(book["Summary"].iter_rows(values_only=True))
        assert round(figures["Total revenue (USD)"] * 100) == quarter["total_cents"]
        regions = dict(list(book["Regions"].iter_rows(values_only=True))[1:])
        assert {name: round(amount * 100) for name, amount in regions.items()} == quarter["regions_cents"]


def test_price_lists_agree_with_the_prices_of_the_orders(acme: Path, database: sqlite3.Connection) -> None:
    sql = """SELECT DISTINCT p.sku, l.unit_price_cents FROM order_lines l JOIN products p ON p.id = l.product_id
             JOIN orders o ON o.id = l.order_id WHERE substr(o.ordered_on, 1, 4) = ?"""
    for year in ("2024", "2025", "2026"):
        rows = (acme / "documents" / f"prices/price-list-{year}.csv").read_text().splitlines()[1:]
        listed = {row.split(",")[0]: round(float(row.split(",")[-1]) * 100) for row in rows}
        sold = database.execute(sql, (year,)).fetchall()
        assert len(sold) > 40
        assert all(listed[sku] == cents for sku, cents in sold)


def test_only_the_last_report_calls_itself_the_latest(acme: Path, truth: dict) -> None:
    covers = [plain(pdf_pages(acme / "documents" / quarter["report"])[0]) for quarter in truth["quarters"]]
    assert ["latest quarterly sales report" in cover for cover in covers] == [False] * 10 + [True]
    times = [(acme / "documents" / quarter["report"]).stat().st_mtime for quarter in truth["quarters"]]
    assert times == sorted(times)


def test_plain_full_text_search_finds_every_known_item(acme: Path, truth: dict) -> None:
    index = sqlite3.connect(":memory:")
    index.execute("CREATE VIRTUAL TABLE pages USING fts5 (file UNINDEXED, words, body, tokenize = 'porter unicode61')")
    texts = {name: chunks(path) for name, path in files(acme / "documents").items()}
    for name, parts in texts.items():
        words = re.sub(r"[^a-z0-9]+", " ", name.lower())
        index.executemany("INSERT INTO pages VALUES (?, ?, ?)", [(name, words, part) for part in parts])
    assert len(truth["questions"]) >= 30
    for question in truth["questions"]:
        assert plain(question["answer"]) in plain(" ".join(texts[question["file"]])), question
        terms = " OR ".join(f'"{term}"' for term in re.findall(r"\w+", question["query"]))
        sql = "SELECT file FROM pages WHERE pages MATCH ? ORDER BY bm25(pages, 0, 3, 1) LIMIT 12"
        found = [name for (name,) in index.execute(sql, (terms,))]
        assert question["file"] in list(dict.fromkeys(found))[:3], (question, found)
    index.close()


def git(acme: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=acme / "code", capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_the_history_is_real_and_closes_the_quarters_with_the_revenue_of_the_database(acme: Path, truth: dict) -> None:
    assert [one["hash"] for one in truth["commits"]] == git(acme, "rev-list", "--reverse", "main").split()
    assert git(acme, "status", "--porcelain") == "" == git(acme, "fsck", "--no-progress")
    assert git(acme, "tag").split() == [one["tag"] for one in truth["commits"] if one["tag"]]
    messages = git(acme, "log", "--format=%s").splitlines()
    for quarter in truth["quarters"]:
        assert f"Close {quarter['quarter']}: {quarter['total']}" in messages
        assert f"{quarter['quarter']},{quarter['total_cents']}\n" in (acme / "code" / "closed.csv").read_text()


def test_the_program_gives_the_prices_of_the_printed_lists(acme: Path) -> None:
    run_all = (
        "import runpy; [test() for name, test in runpy.run_path('tests/test_price.py').items() if 'test_' in name]"
    )
    words = [sys.executable, "-B", "-c", run_all]
    done = subprocess.run(words, cwd=acme / "code", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert (acme / "code/tests/test_price.py").read_text().count("def test_") == 3


def test_builds_failed_for_what_the_history_says(acme: Path, truth: dict) -> None:
    hashes = [one["hash"] for one in truth["commits"]]
    failed = [build for build in truth["builds"] if build["failure"]]
    assert [build["number"] for build in failed] == [113, 121, 128]
    for build in truth["builds"]:
        log = (acme / "builds" / build["log"]).read_text()
        assert build["commit"] in log and build["commit"] in hashes
        assert (build["failure"] in log) is True and ("FAILED" in log) is bool(build["failure"])
    mended = next(one for one in truth["commits"] if "Build 113" in one["message"])
    assert hashes.index(mended["hash"]) == hashes.index(failed[0]["commit"]) + 1
    assert 'failures="1"' in (acme / "builds" / failed[0]["report"]).read_text()


def test_the_exports_sum_up_to_the_quarters(acme: Path, truth: dict) -> None:
    with duckdb.connect() as warehouse:
        sql = "SELECT month, sum(revenue_cents) FROM read_csv(?, types={'month': 'VARCHAR'}) GROUP BY 1"
        months = dict(warehouse.execute(sql, [str(acme / "exports" / "monthly_sales" / "*.csv")]).fetchall())
        shipped = warehouse.execute("SELECT count(*) FROM read_parquet(?)", [str(acme / "exports/shipments.parquet")])
        assert shipped.fetchone() == (sum(quarter["orders"] for quarter in truth["quarters"]),)
    for quarter in truth["quarters"]:
        year, number = quarter["slug"].split("-q")
        named = [f"{year}-{month:02d}" for month in range(3 * int(number) - 2, 3 * int(number) + 1)]
        assert sum(months[month] for month in named) == quarter["total_cents"]


def script(acme: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = str(acme / "scripts" / f"{name}.py")
    return subprocess.run([sys.executable, path, *words], capture_output=True, text=True, timeout=60, check=False)


def test_the_scripts_say_what_the_data_say(acme: Path, truth: dict) -> None:
    latest = truth["quarters"][-1]
    books = json.loads(script(acme, "check_books", latest["slug"]).stdout)
    assert books == {
        "database_cents": latest["total_cents"], "exports_cents": latest["total_cents"],
        "closed_cents": latest["total_cents"], "agree": True,
    }  # fmt: skip
    assert script(acme, "check_books", "2030-q1").returncode == 3
    words = ("--sku", "PU-100", "--quantity", "2", "--discount", "12", "--day", "2025-03-01")
    offer = json.loads(script(acme, "quotation", *words).stdout)
    assert offer == {
        "product": "AquaLift 120", "list_price_usd": "505.00", "amount_usd": "888.80", "approved_by": "head of sales",
        "valid_until": "2025-04-30",
    }  # fmt: skip
    low = script(acme, "stock_report", "--store", "Bristol", "--top", "3").stdout.splitlines()
    assert low[0] == "sku,product,on_hand,reorder_at,shelf" and len(low) == 4
    assert not list((acme / "code").rglob("__pycache__"))


def test_all_sources_of_the_settings_are_well_once_the_demo_has_approved_its_own_scripts(
    acme: Path, tmp_path: Path
) -> None:
    homes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    check = [sys.executable, "-m", "dragoman", "serve", "--check", "--json", "--config", str(acme / "dragoman.yaml")]

    def ran(words: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **homes}
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment)

    before = ran(check)
    assert before.returncode == 1 and before.stdout.count("was not approved") == 3, before.stdout + before.stderr
    approve = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import demo; demo.approve(pathlib.Path(sys.argv[2]))"
    )
    done = ran([sys.executable, "-c", approve, str(ACME), str(acme)])
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "config" / "dragoman" / "approved.json").read_text())["approved"]) == 3
    after = ran(check)
    assert after.returncode == 0, after.stdout + after.stderr


def test_others_cannot_write_what_says_what_is_served(acme: Path) -> None:
    for path in (acme / "dragoman.yaml", *(acme / "scripts").iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o022


def test_the_truth_is_not_among_the_documents(acme: Path) -> None:
    assert {path.name for path in acme.iterdir()} == PARTS
    assert "truth" not in (acme / "dragoman.yaml").read_text()


def test_a_finished_folder_is_left_alone(acme: Path) -> None:
    before = {name: path.stat().st_mtime_ns for name, path in files(acme).items()}
    again = run("generate.py", acme, "--lines", LINES)
    assert (again.returncode, "up to date" in again.stderr) == (0, True)
    assert {name: path.stat().st_mtime_ns for name, path in files(acme).items()} == before


def test_a_folder_of_somebody_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").write_text("ten years of work")
    answer = run("generate.py", tmp_path, "--lines", LINES)
    assert answer.returncode == 1
    assert "was not made by this program" in answer.stderr and "Traceback" not in answer.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        program("generate.py", tmp_path / "out", "--lines", 20_000), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "documents" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_gets_one_sentence_with_another_port(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        answer = run("demo.py", "--port", port, "--data", tmp_path / "data")
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 1
    assert re.search(rf"port {port} is in use.* make demo PORT=\d+$", answer.stderr.strip())
    assert list(tmp_path.iterdir()) == []


async def test_a_stand_in_for_a_model_summarizes_the_latest_report_and_its_figures_agree_with_the_database(
    acme: Path, truth: dict, database: sqlite3.Connection, tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("assistant", ACME / "assistant.py")
    assert spec is not None and spec.loader is not None
    assistant = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(assistant)
    reports = Documents("documents", Folder(acme / "documents" / "reports"), Index(tmp_path / "index" / "reports.db"))
    reports.start()
    assert reports.indexer.wait_idle(60)
    server = build_server([reports, f"sales={acme}/sales.db"])
    consent = Consent(
        Rules.of({"rules": {"local/*": "allow"}}), Book(tmp_path / "book.json"), Audit(tmp_path / "audit")
    )
    latest = truth["quarters"][-1]
    async with (
        ScriptedModel(assistant.answer) as model,
        Host({"local": server}, model=model.name, consent=consent) as host,
    ):
        answer = await host.ask("Summarize the latest sales report")
    (revenue,) = database.execute(latest["sql"]).fetchone()
    assert f"${revenue:,.2f}" == latest["total"]
    assert latest["total"] in answer.text and "the database gives the same" in answer.text
    assert answer.sources == (f"docs://documents/{Path(latest['report']).name}",)
    assert [step.tool for step in answer.steps if isinstance(step, Wants)] == ["search", "fetch", "query"]
    assert [step.failed for step in answer.steps if isinstance(step, Returned)] == [False] * 3
