"""One reader under atheris: `python -m tests.fuzz.guided NAME SECONDS FOLDER`, led by what of our code is entered.

It begins with what the reader takes, knows the words that `mutations` has, and goes on after what it finds:
FOLDER/found gets a line for each place from which something escaped, or where one input took longer than all may.
Limit: what takes more memory than 2 GiB, or never ends, is told by libFuzzer, which ends there.
"""

from __future__ import annotations

import hashlib
import sys
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dragoman"]):
    from tests.fuzz.mutations import WORDS
    from tests.fuzz.readers import TARGETS
    from tests.fuzz.target import tried

SLOW = 2.0  # seconds of processor time for 20,000 bytes, where reading them takes ten times as long as usual
LONGEST = 20_000  # bytes


def escaped(name: str, data: bytes) -> tuple[str, str] | None:
    """Return where something escaped from, and what; None if nothing did."""
    begun = time.process_time()
    try:
        tried(TARGETS[name], data)
    except Exception as error:
        at = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        return f"{type(error).__name__} {at[-1]}", f"{error!r}"[:300]
    took = time.process_time() - begun
    return ("slow", f"{took:.1f} s for {len(data)} bytes") if took > SLOW else None


def escapes(word: bytes) -> str:
    """Return a word as libFuzzer's dictionaries write it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def main() -> None:
    name, seconds, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    corpus, words, found = folder / "corpus", folder / "words", folder / "found"
    corpus.mkdir()
    for seed in TARGETS[name].seeds:
        (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
    words.write_text("".join(f'"{escapes(word)}"\n' for word in WORDS if len(word) < 64))
    known: set[str] = set()

    def attack(data: bytes) -> None:
        told = escaped(name, data)
        if told is not None and told[0] not in known:
            known.add(told[0])
            with found.open("a") as out:
                out.write(f"{told[0]}: {told[1]} for {data!r}\n")

    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=2048"]
    options += [f"-dict={words}", f"-artifact_prefix={folder}/", "-verbosity=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], attack)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
