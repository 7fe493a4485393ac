"""Trees of files as a kind of data: folders, zip files, buckets, and folders of servers of SFTP and of the web."""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib import import_module
from pathlib import Path

import msgspec

from dragoman.connectors.folders.crawl import visible
from dragoman.connectors.kind import Kind, Opening, scheme_of
from dragoman.connectors.source import Source, SourceError
from dragoman.connectors.trees.archive import Zip
from dragoman.connectors.trees.files import Files
from dragoman.connectors.trees.local import Local
from dragoman.connectors.trees.tree import Tree

_PREFIX = "files:"
_STORES = ("s3", "gs", "az")
_WEB = ("https", "http")
_SFTP = "sftp"
_ZIP = ".zip"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said of files.

    `config` is for what is reached over a network. Of a bucket: options of the
    store by the names that obstore has for them, as in {"endpoint":
    "https://...", "region": "eu-central-1"}. Of a web folder: headers of every
    request. Of SFTP: see `sftp`. `urls` are the files of a web folder, as paths
    below it, where the server lists none. `gitignore` leaves out of a folder of
    this machine what the .gitignore files in it do.
    """

    path: str
    config: dict[str, str] = {}
    gitignore: bool = False
    urls: list[str] = []


def _claims(text: str, path: Path | None) -> Options | None:
    if scheme_of(text)[0] in (*_STORES, _SFTP):
        return Options(path=text)
    if scheme_of(text)[0] in _WEB and text.endswith("/"):
        return Options(path=text)
    if path is not None and path.is_file() and path.suffix.lower() == _ZIP:
        return Options(path=text)
    if text.startswith(_PREFIX) and not text.startswith(f"{_PREFIX}//"):
        return Options(path=text.removeprefix(_PREFIX) or ".")
    return None


def _open(name: str, options: Options, opening: Opening) -> Source:
    return Files(name, _tree(options, opening))


def _tree(options: Options, opening: Opening) -> Tree:
    scheme = scheme_of(options.path)[0]
    if options.gitignore and scheme in (*_STORES, *_WEB, _SFTP):
        raise SourceError("gitignore is for folders of this machine")
    if options.urls and scheme not in _WEB:
        raise SourceError("urls are for web folders: https://")
    if scheme in _STORES:
        return _bucket(options)
    if scheme in _WEB:
        # By name: whoever serves a folder needs no client of HTTP.
        web: Tree = import_module("dragoman.connectors.trees.web").Web(options.path, options.config, options.urls)
        return web
    if scheme == _SFTP:
        if importlib.util.find_spec("asyncssh") is None:
            raise SourceError('serving files over SFTP needs asyncssh: pip install "dragoman[sftp]"')
        config = {name: _place(name, value, opening) for name, value in options.config.items()}
        sftp: Tree = import_module("dragoman.connectors.trees.sftp").Sftp(options.path, config)
        return sftp
    if options.config:
        raise SourceError("config is for what is reached over a network: s3://, gs://, az://, https:// or sftp://")
    path = opening.path(options.path)
    if not path.exists():
        raise SourceError(f"there is nothing at {options.path}")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by this user")
    if path.is_file() and path.suffix.lower() == _ZIP:
        if not visible(path.name):
            raise SourceError(f"{path.name} is hidden or a secret by its name, and not served")
        return Zip(str(path))
    if not path.is_dir():
        raise SourceError(f"{path} is neither a folder nor a zip file; other files are served without files: before")
    if sys.platform == "win32" or os.open not in os.supports_dir_fd:
        raise SourceError("trees of files cannot be served on this system yet: it has no openat; serve documents")
    if not options.gitignore:
        return Local(str(path))
    if importlib.util.find_spec("pathspec") is None:
        raise SourceError('gitignore needs pathspec: pip install "dragoman[gitignore]"')
    return Local(str(path), import_module("dragoman.connectors.trees.ignored").Ignored)


def _place(name: str, value: str, opening: Opening) -> str:
    """Return a value of config, paths from where dragoman.yaml lies."""
    names = name == "known_hosts" or (name == "key" and "-----BEGIN" not in value)
    return str(opening.path(value)) if names else value


def _bucket(options: Options) -> Tree:
    if importlib.util.find_spec("obstore") is None:
        raise SourceError('serving a bucket needs obstore: pip install "dragoman[cloud]"')
    tree: Tree = import_module("dragoman.connectors.trees.cloud").Bucket(options.path, options.config)
    return tree


_FORMS = ("files:FOLDER", "a zip file", "s3://BUCKET/PREFIX", "https://SERVER/FOLDER/", "sftp://USER@HOST/FOLDER")
KIND = Kind(name="files", scheme="file", options=Options, main="path", claims=_claims, open=_open, forms=_FORMS)
