"""The directory of certificates and keys.

    index.json                  what there is (a copy of what the files say, made when they came)
    roots/<use>-<hash>.pem      a root, and behind it its issuer where it did not sign itself
    station/<hash>.pem, .key    a certificate of the station with its chain, and its key (0600)
    station/request.csr, .key   the request that has not been answered yet
    set-aside/                  what was found damaged, or belonging to nobody

The index is written last when something comes and first when something goes, so that a power cut
between leaves a file which nobody refers to: it is not trusted. An index that is damaged, or of a
layout that is not known here, is made again from the files.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from ocpp_link.errors import CertificateInvalid
from ocpp_link.security.certificates import Contents, OwnCertificate, Root, Use
from ocpp_link.security.files import flush_directory, set_aside, write

VERSION = 1
"""Of the layout."""
INDEX = "index.json"
NAME_CHARS = 32
"""Of a fingerprint in a file name."""
_END = "-----END CERTIFICATE-----"

_log = logging.getLogger(__name__)


class _Index(msgspec.Struct, frozen=True):
    version: int
    contents: Contents


class Directory:
    """`contents` is what there is now: replaced and never changed, so that another thread may
    read it. Blocking, and for one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the directory can not be used."""
        self._index = path / INDEX
        self._roots = path / "roots"
        self._station = path / "station"
        self._aside = path / "set-aside"
        for made in (path, self._roots, self._station):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.request = self._station / "request.csr"
        self.request_key = self._station / "request.key"
        self.contents = Contents()
        self._load()

    def root_path(self, root: Root) -> Path:
        return self._roots / f"{root.use}-{root.fingerprint[:NAME_CHARS]}.pem"

    def own_paths(self, own: OwnCertificate) -> tuple[Path, Path]:
        """The chain and the key of a certificate of the station."""
        name = own.fingerprint[:NAME_CHARS]
        return self._station / f"{name}.pem", self._station / f"{name}.key"

    def roots_pem(self, use: Use) -> str:
        """The roots of one use, one after the other. Raises OSError."""
        return self.pem_of(self.contents.of(use))

    def pem_of(self, roots: Iterable[Root]) -> str:
        """Raises OSError."""
        return "".join(first_pem(self.root_path(root).read_text("ascii")) for root in roots)

    def save(self, contents: Contents) -> None:
        """Raises OSError; then nothing has changed."""
        write(self._index, msgspec.json.encode(_Index(VERSION, contents)))
        self.contents = contents

    def remove(self, *paths: Path) -> None:
        """Of what the index no longer names. What stays behind for an error of the disk is not
        trusted, and is set aside at the next start."""
        try:
            for path in paths:
                path.unlink(missing_ok=True)
            flush_directory(self._station)
            flush_directory(self._roots)
        except OSError as error:
            _log.warning("a file can not be removed: %s", error)

    # Loading

    def _load(self) -> None:
        contents = self._indexed()
        if contents is None:
            contents = self._rebuilt()
            self.save(contents)
        roots = tuple(root for root in contents.roots if self._is_whole(root))
        own = tuple(own for own in contents.own if self._has_key(own))
        self.contents = msgspec.structs.replace(contents, roots=roots, own=own)
        if self.contents != contents:
            self.save(self.contents)
        self._set_strangers_aside()

    def _indexed(self) -> Contents | None:
        try:
            index = msgspec.json.decode(self._index.read_bytes(), type=_Index)
        except FileNotFoundError:
            return None if any(self._files()) else Contents()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            set_aside(self._index, self._aside, f"can not be read ({error})")
            return None
        if index.version != VERSION:
            set_aside(self._index, self._aside, f"is of version {index.version}")
            return None
        return index.contents

    def _is_whole(self, root: Root) -> bool:
        path = self.root_path(root)
        if _fingerprint(path) == root.fingerprint:
            return True
        if path.exists():
            set_aside(path, self._aside, "is not the root that was installed")
        else:
            _log.error("%s is gone: the root is not trusted any more", path)
        return False

    def _has_key(self, own: OwnCertificate) -> bool:
        chain, key = self.own_paths(own)
        if _fingerprint(chain) == own.fingerprint and key.is_file():
            return True
        for path in (chain, key):
            if path.exists():
                set_aside(path, self._aside, "is damaged, or lacks the other half")
        return False

    def _set_strangers_aside(self) -> None:
        known = {self.request, self.request_key}
        known |= {self.root_path(root) for root in self.contents.roots}
        known |= {path for own in self.contents.own for path in self.own_paths(own)}
        for path in list(self._files()):
            if path not in known:
                set_aside(path, self._aside, "belongs to nothing that is installed")

    def _files(self) -> Iterator[Path]:
        for directory in (self._roots, self._station):
            yield from (path for path in sorted(directory.iterdir()) if path.is_file())

    def _rebuilt(self) -> Contents:
        """From the files alone: the marks of what was imported are lost."""
        from ocpp_link.security.descriptions import own_of, root_of

        roots, own = [], []
        for path in list(self._files()):
            try:
                if path.parent == self._roots:
                    roots.append(root_of(path))
                elif path.suffix == ".pem":
                    own.append(own_of(path))
            except (OSError, CertificateInvalid) as error:
                set_aside(path, self._aside, f"can not be read ({error})")
        _log.warning("the index of certificates was made again: %d, %d", len(roots), len(own))
        return Contents(roots=tuple(roots), own=tuple(own))


def first_pem(text: str) -> str:
    """The first certificate of a PEM text."""
    head, end, _ = text.partition(_END)
    return f"{head}{end}\n"


def _fingerprint(path: Path) -> str:
    """Of the first certificate in a file; empty where there is none."""
    try:
        der = ssl.PEM_cert_to_DER_cert(first_pem(path.read_text("ascii")))
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(der).hexdigest()
