"""Putting a server in: found in a registry, judged, brought here, and made into a command that can be shown.

Nothing is started here, and what was brought is removed again unless the user agrees. Steps, in order: `find`, `judge`,
`ways`, `bring`, `keep`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

from dragoman.auth import private_files
from dragoman.errors import LocalError, TransportError
from dragoman.protocol.addresses import Reach, allowed_from, shown_url
from dragoman.registry import bundle, images, manifest, placing
from dragoman.registry.api import Registry
from dragoman.registry.document import Listed, Package, ServerJson, Transport
from dragoman.registry.faults import BundleError, EntryError, IntegrityError, WithdrawnError
from dragoman.registry.hostile import Suspicion, suspicions
from dragoman.registry.inputs import Answers, Question, Word
from dragoman.registry.pins import Pin
from dragoman.registry.proofs import check_owner
from dragoman.registry.recipe import Recipe, command_inputs, parts, questions, remote_inputs, remote_recipe
from dragoman.registry.records import FILES, Record, Records
from dragoman.registry.sources import Indexes, Source, Sources
from dragoman.transport.fetch import SafeFetcher

DOWNLOAD_SECONDS = 300.0
REDIRECTS = 5  # releases lie behind two or three
LOCAL = "local"  # the namespace of what was put in from a file
Way: TypeAlias = Package | Transport


class Choice(NamedTuple):
    """A server in a registry, and what is to be known before it is put in."""

    listed: Listed
    source: Source
    doubts: tuple[Suspicion, ...] = ()
    notes: tuple[str, ...] = ()


class Brought(NamedTuple):
    """A package that is here, but not kept yet: `folder` has its files, None if there are none.

    `bundle` is the manifest of a bundle, which asks by itself.
    """

    pin: Pin
    words: tuple[str, ...] = ()
    folder: Path | None = None
    bundle: manifest.Manifest | None = None
    notes: tuple[str, ...] = ()

    def discard(self) -> None:
        """Remove the files."""
        if self.folder is not None:
            _remove(self.folder)


async def find(name: str, version: str, sources: Sources, only: Source | None = None) -> Choice:
    """Return a server, from the first registry that knows it. Raises EntryError if none does, and WithdrawnError."""
    asked = [only] if only is not None else list(sources.for_name(name))
    for source in asked:
        async with Registry(source) as registry:
            listed = await registry.entry(name, version)
        if listed is not None:
            return judge(listed, source)
    where = ", ".join(source.name for source in asked) or "no registry that may speak for it"
    raise EntryError(f"there is no server {name}{f' {version}' if version else ''}; asked: {where}")


def judge(listed: Listed, source: Source) -> Choice:
    """Return what is to be known of an entry. Raises WithdrawnError for one that is deleted."""
    official = listed.official
    said = f": {official.status_message}" if official.status_message else ""
    if official.status == "deleted":
        raise WithdrawnError(f"{listed.server.name} was deleted from {source.name}{said}; it may be malware")
    notes = (
        (f"{listed.server.name} {listed.server.version} is deprecated{said}",)
        if official.status == "deprecated"
        else ()
    )
    return Choice(listed, source, tuple(suspicions(listed.server)), notes)


def ways(listed: Listed, wanted: str = "") -> Way:
    """Return the package or the remote server to use: the first that can be, or the first of the kind `wanted`.

    Raises EntryError that says what there is.
    """
    server = listed.server
    usable: list[tuple[str, Way]] = [
        (one.registry_type, one)
        for one in server.packages
        if one.transport.type == "stdio" and one.registry_type in BRINGS
    ]
    usable += [("remote", one) for one in server.remotes if one.type != "stdio"]
    for kind, way in usable:
        if wanted in ("", kind):
            return way
    there = [one.registry_type for one in server.packages] + ["remote"] * len(server.remotes)
    more = "; packages that serve HTTP by themselves have to be started by you" if server.packages else ""
    raise EntryError(
        f"{server.name} {server.version} has no {wanted or 'package'} that can be put in; "
        f"it has: {', '.join(there) or 'none'}{more}"
    )


async def bring(choice: Choice, way: Way, records: Records, indexes: Indexes) -> Brought:
    """Bring a package here, its hash and its owner checked; nothing of it runs.

    Raises IntegrityError, BundleError, LocalError, and what the fetcher raises; then nothing stays.
    """
    server, url = choice.listed.server, choice.source.url
    if isinstance(way, Transport):
        _check_remote(way.url, url)
        return Brought(Pin(version=server.version, registry=url, kind="remote", identifier=way.url))
    pin = Pin(
        version=server.version, registry=url, kind=way.registry_type, identifier=way.identifier,
        package_version=way.version,
    )  # fmt: skip
    place = records.place(server.name)
    private_files.folder(place)
    # Its last place at once: environments hold their own paths.
    folder = place / f"{FILES}-{secrets.token_hex(6)}"
    try:
        return await BRINGS[way.registry_type](choice, way, pin, folder, indexes)
    except BaseException:
        _remove(folder)
        raise


def _check_remote(url: str, registry: str) -> None:
    """Raise EntryError for an address that leads nearer than the registry is, or over plain HTTP into the internet."""
    scheme, _, rest = url.partition("://")
    authority = rest.partition("/")[0]
    if "{" in scheme + authority:
        return  # the user says where it is
    near = allowed_from(f"{scheme}://{authority}/")
    if near > allowed_from(registry):
        raise EntryError(f"{shown_url(url)} leads into your own network, and the registry is not there")
    if near is Reach.PUBLIC and scheme.lower() != "https":
        raise EntryError(f"{shown_url(url)} is on the internet, and not spoken to over https")


def _remove(folder: Path) -> None:
    """Remove a server's files, and its place if nothing else is there."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


async def _pypi(choice: Choice, package: Package, pin: Pin, folder: Path, indexes: Indexes) -> Brought:
    if package.runtime_arguments:
        raise EntryError(
            f"{package.identifier} wants words for {package.runtime_hint or 'uvx'}, which is not used here"
        )
    _check_index(package, "pypi", indexes.pypi)
    placed = placing.pypi(package, choice.listed.server.name, folder, indexes.pypi)
    return Brought(_pinned(pin, placed), placed.words, folder)


async def _npm(choice: Choice, package: Package, pin: Pin, folder: Path, indexes: Indexes) -> Brought:
    if any(one.name not in ("-y", "--yes") for one in package.runtime_arguments):
        raise EntryError(
            f"{package.identifier} wants words for {package.runtime_hint or 'npx'}, which is not used here"
        )
    _check_index(package, "npm", indexes.npm)
    placed = placing.npm(package, choice.listed.server.name, folder, indexes.npm)
    return Brought(_pinned(pin, placed), placed.words, folder)


_PUBLIC = {"pypi": ("", "https://pypi.org"), "npm": ("", "https://registry.npmjs.org")}


def _check_index(package: Package, kind: str, index: str) -> None:
    """Raise EntryError for a package of an index that the user did not name."""
    base = package.registry_base_url.rstrip("/")
    if base in _PUBLIC[kind] or (index and index.startswith(base)):
        return
    raise EntryError(
        f"{package.identifier} comes from {base}, which nobody named here: registries.json has packages.{kind} for it"
    )


def _pinned(pin: Pin, placed: placing.Placed) -> Pin:
    return Pin(
        version=pin.version, registry=pin.registry, kind=pin.kind, identifier=pin.identifier,
        package_version=pin.package_version, hash=placed.hash, closure=placed.closure,
    )  # fmt: skip


async def _mcpb(choice: Choice, package: Package, pin: Pin, folder: Path, indexes: Indexes) -> Brought:
    # Near addresses only if the registry itself, which the user named, is as near.
    fetcher = SafeFetcher(choice.source.url, max_bytes=bundle.MAX_BUNDLE, seconds=DOWNLOAD_SECONDS, redirects=REDIRECTS)
    try:
        fetched = await fetcher.get(package.identifier, {"accept": "application/octet-stream, */*"})
    finally:
        await fetcher.close()
    if fetched.status != 200:
        raise TransportError(f"the bundle cannot be had: status {fetched.status}")
    if not package.file_sha256:
        raise IntegrityError(f"the entry of {choice.listed.server.name} names no fileSha256 for its bundle")
    if (found := hashlib.sha256(fetched.body).hexdigest()) != package.file_sha256:
        raise IntegrityError(f"the bundle's SHA-256 is {found}, and the registry names {package.file_sha256}")
    return from_bundle(fetched.body, pin, folder)


def from_bundle(data: bytes, pin: Pin, folder: Path) -> Brought:
    """Unpack a bundle whose hash was compared, or that the user has as a file. Raises BundleError."""
    found = bundle.look(data)
    if fatal := [one for one in bundle.check(found) if one.fatal]:
        raise BundleError(f"{manifest.NAME}{fatal[0].at}: {fatal[0].what}")
    held = manifest.read(found.manifest)
    bundle.unpack(found, folder)
    notes = ("its signature was not verified; its hash was compared",) if found.signed else ()
    made = Pin(
        version=pin.version, registry=pin.registry, kind="mcpb", identifier=pin.identifier,
        package_version=held.version, hash=f"sha256:{found.sha256}",
    )  # fmt: skip
    return Brought(made, (), folder, held, notes)


def from_file(path: Path, records: Records, sha256: str = "") -> tuple[Choice, Package, Brought]:
    """Unpack the user's own file. Whose it is, nobody says but `sha256`. Raises BundleError, IntegrityError."""
    found = bundle.load(path)
    if sha256:
        bundle.check_hash(found, sha256)
    held = manifest.read(found.manifest)
    name = f"{LOCAL}/{re.sub(r'[^A-Za-z0-9._-]+', '-', held.name).strip('-.') or 'bundle'}"
    choice = judge(
        Listed(server=ServerJson(name=name, description=held.description, version=held.version)),
        Source(name="file", url=""),
    )
    place = records.place(name)
    private_files.folder(place)
    pin = Pin(version=held.version, registry="", kind="mcpb", identifier=path.name)
    brought = from_bundle(path.read_bytes(), pin, place / f"{FILES}-{secrets.token_hex(6)}")
    if brought.pin.hash != f"sha256:{found.sha256}":
        brought.discard()
        raise IntegrityError(f"{path} changed while it was read")
    return choice, Package(registry_type="mcpb", identifier=path.name, transport=Transport(type="stdio")), brought


async def _oci(choice: Choice, package: Package, pin: Pin, folder: Path, indexes: Indexes) -> Brought:
    program = _docker()
    fetcher = SafeFetcher(choice.source.url, max_bytes=images.MAX_ANSWER, redirects=REDIRECTS)
    try:
        image = await images.resolve(package.identifier, fetcher)
    finally:
        await fetcher.close()
    check_owner(choice.listed.server.name, package.identifier, image.claims)
    made = Pin(version=pin.version, registry=pin.registry, kind="oci", identifier=pin.identifier, hash=image.digest)
    return Brought(made, (program, image.name), notes=("docker fetches the image when it is started first",))


def _docker() -> str:
    found = shutil.which("docker") or shutil.which("podman")
    if found is None:
        raise LocalError("this server needs docker or podman, which are not on this machine")
    return found


BRINGS = {"pypi": _pypi, "npm": _npm, "mcpb": _mcpb, "oci": _oci}


# --- what it asks, and the command ------------------------------------------------------------------------------


def asks(way: Way, brought: Brought, home: Path) -> list[Question]:
    """Return what has to be asked before the server can start."""
    if isinstance(way, Transport):
        return questions(remote_inputs(way))
    own = questions(command_inputs(way))
    taken = {one.name for one in own}
    extra = manifest.questions(brought.bundle, home) if brought.bundle is not None else []
    return own + [one for one in extra if one.name not in taken]


def cook(way: Way, brought: Brought, answers: Answers, home: Path) -> Recipe:
    """Return how the server is started or reached. Raises EntryError, BundleError."""
    if isinstance(way, Transport):
        return remote_recipe(way, answers)
    made = parts(way, answers)
    if brought.bundle is not None and brought.folder is not None:
        base = manifest.recipe(brought.bundle, brought.folder, answers, home, sys.platform)
        return Recipe(words=(*base.words, *made.package), env={**base.env, **made.env}, cwd=base.cwd)
    words: list[Word] = [(word,) for word in brought.words]
    if way.registry_type == "oci":
        program, image = words
        # By name only: their values are this process's, and stay out of the list of processes.
        names: list[Word] = [word for name in made.env for word in (("-e",), (name,))]
        words = [program, ("run",), ("-i",), ("--rm",), *made.runtime, *names, image]
    return Recipe(words=(*words, *made.package), env=made.env)


def keep(records: Records, choice: Choice, brought: Brought, recipe: Recipe, alias: str, *, watched: bool) -> Record:
    """Keep a server that the user agreed to. Raises LocalError."""
    record = Record(
        name=choice.listed.server.name, alias=alias, pin=brought.pin, recipe=recipe, source=choice.source.url,
        folder=brought.folder.name if brought.folder is not None else "", watched=watched, trust=choice.source.trust,
    )  # fmt: skip
    records.write(record)
    return record
