import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.connectors import fixtures

from dragoman.connectors.extract.document import Unreadable
from dragoman.connectors.extract.process import Converter
from dragoman.connectors.extract.worker import answer


@pytest.fixture
def converter():
    made = Converter()
    yield made
    made.close()


def worker_of(converter: Converter):
    assert converter._worker is not None
    return converter._worker.process


def test_one_process_reads_many_files(converter: Converter, tmp_path: Path) -> None:
    first = converter.convert(str(fixtures.good_docx(tmp_path)))
    number = worker_of(converter).pid
    second = converter.convert(str(fixtures.good_pdf(tmp_path)))
    assert (first.kind, second.kind) == ("docx", "pdf")
    assert worker_of(converter).pid == number != os.getpid()


def test_an_unreadable_file_does_not_stop_the_next(converter: Converter, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="corrupt"):
        converter.convert(str(fixtures.corrupt_pdf(tmp_path)))
    assert converter.convert(str(fixtures.good_pdf(tmp_path))).kind == "pdf"


def test_a_crash_costs_one_file_only(converter: Converter, tmp_path: Path) -> None:
    path = str(fixtures.good_pdf(tmp_path))
    converter.convert(path)
    os.kill(worker_of(converter).pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, worker_of(converter).kill)
    killer.start()
    with pytest.raises(Unreadable, match="crashed its reader"):
        converter.convert(path)
    killer.join()
    assert converter.convert(path).kind == "pdf"


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    slow = Converter(seconds=0.3)
    try:
        with pytest.raises(Unreadable, match=r"longer than 0\.3 seconds"):
            slow.convert(str(fixtures.deep_html(tmp_path, 120_000)))
    finally:
        slow.close()


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path: Path) -> None:
    small = Converter(memory=220 * 1024 * 1024)
    try:
        assert small.convert(str(fixtures.good_docx(tmp_path))).kind == "docx"
        big = tmp_path / "big.txt"
        big.write_bytes(b"word " * (18 * 1024 * 1024))
        with pytest.raises(Unreadable, match=r"more memory|crashed its reader"):
            small.convert(str(big))
        assert small.convert(str(fixtures.good_docx(tmp_path))).kind == "docx"
    finally:
        small.close()


def test_closing_ends_a_file_under_way_at_once(tmp_path: Path) -> None:
    busy = Converter()
    path = str(fixtures.deep_html(tmp_path, 120_000))
    reasons: list[str] = []

    def work() -> None:
        try:
            busy.convert(path)
        except Unreadable as fault:
            reasons.append(fault.reason)

    thread = threading.Thread(target=work)
    thread.start()
    while busy._worker is None:
        assert thread.is_alive()
    began = time.monotonic()
    busy.close()
    thread.join(5)
    assert time.monotonic() - began < 5
    assert reasons == ["the server is closing"]
    with pytest.raises(Unreadable, match="closing"):
        busy.convert(path)


def test_links_and_pipes_are_not_opened(tmp_path: Path) -> None:
    assert answer(str(fixtures.escaping_symlink(tmp_path))).reason.startswith("cannot be opened")
    assert answer(str(fixtures.fifo(tmp_path))).reason == "not a regular file"
    assert answer(str(tmp_path / "gone.txt")).reason.startswith("cannot be opened")
    assert answer(str(fixtures.utf16_text(tmp_path))).document is not None


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits there")
def test_the_worker_can_neither_write_files_nor_start_processes(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import os, sys\nfrom dragoman.connectors.extract.worker import confine\nconfine(1 << 31)\n"
        "import resource as r\nprint(r.getrlimit(r.RLIMIT_FSIZE)[0], r.getrlimit(r.RLIMIT_NPROC)[0])\n"
        f"try:\n    open({str(tmp_path / 'x')!r}, 'w').write('x' * 100000)\nexcept OSError:\n    print('no file')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["0 0", "no file"]


def test_a_reader_that_cannot_start_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.extract.process._MODULE", "dragoman.connectors.extract.not_there")
    broken = Converter()
    with pytest.raises(Unreadable, match="does not start"):
        broken.convert(str(fixtures.good_pdf(tmp_path)))
    broken.close()
