"""What is made for others: `server.json` written and checked, a private registry served, bundles packed and opened."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dragoman.app import http
from dragoman.app.saying import say
from dragoman.auth import private_files
from dragoman.cli.outcome import FAILED, OK, UsageError
from dragoman.cli.registry_names import one_word
from dragoman.cli.registry_show import json_text
from dragoman.cli.terminal import Paper, one_line, size, visible
from dragoman.protocol.hosts import read_authority
from dragoman.registry import bundle, checking, drafting, hostile, packing, serving
from dragoman.registry.document import read_server
from dragoman.registry.rules import Problem


def publish(options: argparse.Namespace) -> int:
    """Write server.json if there is none, and check it: exit status 1 if a registry would refuse it."""
    if not options.check:
        raise UsageError("publish only writes and checks server.json: publish --check; mcp-publisher sends it off")
    if len(options.words) > 1:
        raise UsageError("publish takes one file, server.json unless given")
    path = Path(options.words[0] if options.words else "server.json")
    written = not path.exists()
    if written:
        text = json_text(drafting.draft(path.parent, options.name)) + "\n"
        if options.dry_run:
            Paper(sys.stdout).data(text)
            return OK
        _write(path, text.encode())
    data = _read(path)
    problems = checking.check(data, official=not options.private)
    if not any(one.fatal for one in problems):
        held: dict[str, Any] = msgspec.json.decode(data)
        problems += list(drafting.claims(path.parent, held))
        problems += [Problem(one.at, one.what) for one in hostile.suspicions(read_server(data))]
    return _told(options, f"{path}{', which was written now,' if written else ''}", problems, {"written": written})


def _told(options: argparse.Namespace, what: str, problems: Sequence[Problem], more: dict[str, Any]) -> int:
    paper = Paper(sys.stdout)
    bad = any(one.fatal for one in problems)
    if options.json:
        told = [{"at": one.at, "what": one.what, "fatal": one.fatal} for one in problems]
        paper.line(json_text({**more, "valid": not bad, "problems": told}))
        return FAILED if bad else OK
    for one in problems:
        paper.line(one_line(f"{'error' if one.fatal else 'warning'}: {one.at or '/'}: {one.what}"))
    paper.line(visible(f"{what} {'has errors' if bad else 'is valid'}"))
    return FAILED if bad else OK


def serve(options: argparse.Namespace) -> int:
    """Serve a private registry until told to stop."""
    folder = Path(one_word(options.words, "serve takes one folder, as in: dragoman registry serve ./entries"))
    listener = http.listen(options.host, options.port)
    try:
        origin = options.url.rstrip("/") or http.address(listener, "").replace("//0.0.0.0:", "//127.0.0.1:")
        scheme, _, authority = origin.partition("://")
        if scheme not in ("http", "https") or read_authority(authority) is None:
            raise UsageError(f"--url is scheme, host and port, as in https://registry.example.com, not {origin!r}")
        made = serving.site(folder, origin)
        say(f"{len(made.shelf)} entries of {folder} at {origin}/v0.1/servers")
        serving.serve(made, listener)
    finally:
        listener.close()
    return OK


def pack(options: argparse.Namespace) -> int:
    """Make a bundle of a folder."""
    folder = Path(one_word(options.words, "pack takes one folder with a manifest.json"))
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    data = packing.pack(folder)
    out = Path(options.out or f"{folder.resolve().name}.mcpb")
    found = bundle.look(data)
    if not options.dry_run:
        _write(out, data)
    return _bundle(options, found, str(out), [one for one in bundle.check(found) if not one.fatal])


def verify(options: argparse.Namespace) -> int:
    """Look at a bundle: exit status 1 if it could not be put in."""
    file = one_word(options.words, "verify takes one bundle")
    found = bundle.load(Path(file))
    if options.sha256:
        bundle.check_hash(found, options.sha256)
    return _bundle(options, found, file, bundle.check(found))


def _bundle(options: argparse.Namespace, found: bundle.Bundle, name: str, problems: Sequence[Problem]) -> int:
    facts = {
        "file": name,
        "sha256": found.sha256,
        "files": len(found.files),
        "bytes": found.size,
        "signed": found.signed,
    }
    if not options.json:
        paper = Paper(sys.stdout)
        paper.line(f"sha256 {found.sha256}")
        paper.line(f"{len(found.files)} files, {size(found.size)} unpacked")
        signature = "there is a signature, which is not verified here" if found.signed else "not signed"
        paper.line(f"{signature}; names, sizes and links were checked{', and the hash' if options.sha256 else ''}")
    return _told(options, name, problems, facts)


def unpack(options: argparse.Namespace) -> int:
    """Unpack a bundle into a folder that is not there yet."""
    if len(options.words) != 2:
        raise UsageError("unpack takes a bundle and a folder, as in: dragoman registry unpack server.mcpb ./there")
    found = bundle.load(Path(options.words[0]))
    if options.sha256:
        bundle.check_hash(found, options.sha256)
    bundle.unpack(found, Path(options.words[1]))
    return OK


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None


def _write(path: Path, data: bytes) -> None:
    try:
        private_files.replace(path, data, mode=0o644)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from None
