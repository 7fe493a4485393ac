"""Zip files from strangers (Word, Excel, PowerPoint), read with a bound on what comes out.

The directory's sizes are only believed when they are too large: what is read is counted as it comes.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from dragoman.connectors.extract.document import Unreadable

MAX_UNPACKED = 256 * 1024 * 1024 - 1  # bytes in all
MAX_MEMBER = 64 * 1024 * 1024
MAX_MEMBERS = 20_000
MAX_RATIO = 500  # text and XML stay under 100
_FREE = 1024 * 1024  # below this much output a ratio says nothing

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Archive:
    """The members of one zip file, by name."""

    def __init__(self, data: bytes) -> None:
        """Raises Unreadable for what is no zip file, is encrypted, or would unpack to too much."""
        if data.startswith(OLE):
            raise Unreadable("encrypted, or in the format of Office before 2007: save it again without a password")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._infos = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as fault:
            raise Unreadable("corrupt: the zip file around the document cannot be opened") from fault
        self._check()

    def _check(self) -> None:
        unpacked = sum(info.file_size for info in self._infos)
        packed = sum(info.compress_size for info in self._infos)
        if len(self._infos) > MAX_MEMBERS:
            raise Unreadable(f"refused: {len(self._infos):,} members in one zip file")
        if unpacked > MAX_UNPACKED or (unpacked > _FREE and unpacked > MAX_RATIO * max(packed, 1)):
            raise Unreadable(f"refused as a zip bomb: {unpacked:,} bytes out of {packed:,}")

    def names(self) -> list[str]:
        return [info.filename for info in self._infos]

    def read(self, name: str) -> bytes | None:
        """Return the member's bytes, None when there is none of that name.

        Raises Unreadable when it is corrupt, encrypted or larger than MAX_MEMBER,
        whatever the directory said of its size.
        """
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            return None
        if info.flag_bits & 1:
            raise Unreadable("encrypted: it opens only with a password")
        # zipfile believes the directory and would stop quietly at the size told there.
        told = info.file_size
        info.file_size = MAX_MEMBER + 1
        try:
            with self._zip.open(info) as stream:
                data = stream.read(MAX_MEMBER + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as fault:
            raise Unreadable(f"corrupt: {name} inside the document cannot be unpacked") from fault
        finally:
            info.file_size = told
        if len(data) > MAX_MEMBER or len(data) > told:
            raise Unreadable(f"refused as a zip bomb: {name} unpacks to more than it says")
        return data
