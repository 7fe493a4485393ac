"""Write the made company "Acme" into a folder: documents, a sales database, code, builds, exports, and the truth.

    python generate.py OUT [--seed 1] [--lines 100000]

The same seed and number of lines give the same bytes.  OUT appears whole or not at all: everything is written beside
it and renamed at the end.  When OUT is already what was asked for, nothing is done.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
STAMP = "stamp.json"
SETTINGS = "dragoman.yaml"
LINES = 100_000
STALE = 3600  # seconds after which another run's unfinished folder counts as left behind


class CannotWrite(Exception):
    """The folder asked for can't be used; the message says why and what to do."""


def stamp(seed: int, lines: int) -> dict[str, object]:
    """What a finished folder says about how it was made: a change of this program makes it again."""
    sources = [Path(__file__).resolve(), *sorted((HERE / "company").glob("*.py")), *served()]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    return {"made_by": "examples/acme/generate.py", "seed": seed, "lines": lines, "program": digest}


def served() -> list[Path]:
    """What is copied beside the data as it is: the file that says what is served, and the scripts that it names."""
    return [HERE / SETTINGS, *sorted((HERE / "scripts").glob("*.py"))]


def is_current(out: Path, seed: int, lines: int) -> bool:
    """Whether `out` holds what these arguments would write."""
    return _read_stamp(out) == stamp(seed, lines)


def generate(out: Path, *, seed: int, lines: int, progress: Callable[[str], None]) -> bool:
    """Make `out`; return False when it was there already.

    Raises CannotWrite when `out` holds something that this program did not make: it is never deleted.
    """
    if is_current(out, seed, lines):
        return False
    if out.exists() and _read_stamp(out) is None and not (out.is_dir() and not any(out.iterdir())):
        raise CannotWrite(f"{out} exists and was not made by this program; name another folder or move it away")
    # Imported late: the libraries that write PDF, Word and Excel cost a second that a finished folder need not pay.
    from company.corpus import write_corpus

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _sweep(out)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise CannotWrite(f"cannot write beside {out}: {error.strerror}; name another folder") from error
    try:
        fresh = work / "new"
        fresh.mkdir()
        write_corpus(fresh, seed, lines, progress)
        for path in served():
            to = fresh / path.relative_to(HERE)
            to.parent.mkdir(exist_ok=True)
            shutil.copy(path, to)
            to.chmod(0o755 if path.suffix == ".py" else 0o644)  # a file that others can write would not be served
        (fresh / STAMP).write_text(json.dumps(stamp(seed, lines)) + "\n", encoding="utf-8")
        if out.exists():
            out.rename(work / "old")
        fresh.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return True


def _read_stamp(out: Path) -> object:
    try:
        found = json.loads((out / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "made_by" in found else None


def _sweep(out: Path) -> None:
    """Remove what runs that were killed have left beside `out`."""
    for left in out.parent.glob(f".{out.name}.*"):
        if left.is_dir() and time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)


def _positive(text: str) -> int:
    number = int(text)
    if not 500 <= number <= 5_000_000:
        raise argparse.ArgumentTypeError(f"{number} is not between 500 and 5,000,000")
    return number


def _stop(signum: int, frame: object) -> None:
    raise KeyboardInterrupt  # so that a polite kill cleans up as Ctrl-C does


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 done or nothing to do, 1 the folder can't be used, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Write the made company Acme into a folder.")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives another company (default 1)")
    parser.add_argument("--lines", type=_positive, default=LINES, help="order lines in the database (default 100,000)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    started = time.monotonic()

    def progress(step: str) -> None:
        print(f"  {time.monotonic() - started:5.1f} s  {step}", file=sys.stderr, flush=True)

    out = options.out.absolute()
    try:
        made = generate(out, seed=options.seed, lines=options.lines, progress=progress)
    except CannotWrite as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("generate.py: stopped; nothing was left behind", file=sys.stderr)
        return 130
    print(f"{out} made in {time.monotonic() - started:.1f} s" if made else f"{out} is up to date", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
