"""Writes `public.json`: what public servers say of themselves, so that tests need neither them nor a network.

`python -m tests.host.record_public`. Only those whose packages name a license; each entry says which.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec
from tests.doctor.public import HOME, installed

from dragoman import Client

PUBLIC = Path(__file__).with_name("public.json")


def license_of(label: str) -> str:
    """Return the license that a package names."""
    if label.startswith("@"):
        return str(json.loads((HOME / "node/node_modules" / label / "package.json").read_text("utf-8"))["license"])
    for folder in HOME.glob("*/lib/python*/site-packages"):
        for one in distributions(path=[str(folder)], name=label):
            named = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
            classes = [text for text in one.metadata.get_all("Classifier") or [] if "License" in text]
            return named.splitlines()[0] if named else ", ".join(text.rpartition(" :: ")[2] for text in classes)
    return ""


async def definitions(command: str) -> dict[str, Any]:
    """Return what a server says of itself and of its tools."""
    async with Client(shlex.split(command)) as client:
        tools = await client.list_tools()
        return {
            "instructions": client.instructions or "",
            "tools": [json.loads(msgspec.json.encode(tool)) for tool in tools],
        }


async def main() -> None:
    """Write the file."""
    found = {}
    for label, command in installed().items():
        if not (license := license_of(label)):
            print(f"{label} names no license, and is left out")
            continue
        found[label] = {"license": license, **await definitions(command)}
        print(label, license, len(found[label]["tools"]))
    PUBLIC.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
