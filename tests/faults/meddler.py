"""The desk on stdio, behind somebody who meddles with its answers: `python -m tests.faults.meddler SEED`.

Answers come twice, in another order, with answers to nobody, notices of nothing and junk between them.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading

from tests.faults.measure import ROOT

MEDDLED = ("sh", "-c", f'cd "{ROOT}" && exec "{sys.executable}" -m tests.faults.meddler "$@"', "meddler")
SERVER = "from tests.faults.desk import desk; from dragoman import Limits; desk(Limits()).run()"
STRANGE = (
    b'{"jsonrpc":"2.0","id":999999999,"result":{}}\n',
    b'{"jsonrpc":"2.0","id":"nobody","error":{"code":-32000,"message":"no"}}\n',
    b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"gone","progress":1}}\n',
    b'{"jsonrpc":"2.0","method":"notifications/unheard/of"}\n',
    b"Listening on port 8000...\n",
    b'{"half": "an ans\n',
    b"\xff\xfe\x00\n",
    b"\n",
)


def meddle(lines: subprocess.Popen[bytes], seed: int) -> None:
    """Pass the server's lines on, until it ends."""
    dice, held = random.Random(seed), b""
    assert lines.stdout is not None
    out = sys.stdout.buffer
    for line in lines.stdout:
        said = [line] * dice.choice((1, 1, 2, 3))
        if held:
            said.append(held)
            held = b""
        elif dice.random() < 0.2 and not dice.random() < 0.5:
            held, said = line, []
        said += [dice.choice(STRANGE)] * (dice.random() < 0.3)
        dice.shuffle(said)
        out.write(b"".join(said))
        # What is held back comes soon, or the last answer never would.
        if held:
            threading.Timer(0.02, _late, (held,)).start()
        out.flush()


def _late(line: bytes) -> None:
    try:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except ValueError:
        pass  # it is over


if __name__ == "__main__":
    server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE)
    meddle(server, int(sys.argv[1]))
