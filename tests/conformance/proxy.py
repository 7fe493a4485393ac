"""A transparent proxy before the fixture server: `python tests/conformance/proxy.py --port 3002 --behind URL`."""

from __future__ import annotations

import argparse

from dragoman import Server


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve what another server serves.")
    parser.add_argument("--port", type=int, default=3002)
    parser.add_argument("--behind", required=True, help="address of the server behind")
    options = parser.parse_args()
    Server.proxy(options.behind).run("http", port=options.port)


if __name__ == "__main__":
    main()
