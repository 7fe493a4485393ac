"""One reader under atheris: `python -m tests.fuzz.guided NAME SECONDS`. It ends with a status of its own."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["dragoman"]):
    from tests.fuzz.readers import TARGETS, tried


def main() -> None:
    name, seconds = sys.argv[1:3]
    target = TARGETS[name]
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096"], lambda data: tried(target, data) and None
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
