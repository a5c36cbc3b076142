"""Opening a firmware package: what its manifest names, exactly as it says, and nothing else.

Blocking. The format is told in installer.py.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import tomllib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from ocpp_link.files.errors import PackageInvalid
from ocpp_link.files.part_file import CHUNK_BYTES, sync_directory
from ocpp_link.files.signature import is_signed

MANIFEST, SIGNATURE = "manifest.toml", "manifest.sig"
PRODUCT = "pievse"
MAX_MANIFEST_BYTES = 1 << 20

Alive = Callable[[int], None]

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,49}")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: str
    version: str
    files: dict[str, str]
    """Path in the package to SHA-256 in hex."""


def unpack(package: Path, place: Path, package_key: str, alive: Alive) -> Manifest:
    """Raises PackageInvalid, TarError or OSError."""
    with tarfile.open(package, "r|*") as tar:
        entries = iter(tar)
        text = _small(tar, next(entries, None), MANIFEST)
        if package_key:
            signature = _small(tar, next(entries, None), SIGNATURE)
            if not is_signed(text, signature, Path(package_key).read_bytes()):
                raise PackageInvalid("the manifest is not signed with the package key")
        manifest = _manifest(text)
        place.mkdir()
        (place / MANIFEST).write_bytes(text)
        missing = dict(manifest.files)
        for member in entries:
            if member.isdir() or member.name == SIGNATURE:
                continue
            _unpack_file(tar, member, place, missing, alive)
    if missing:
        raise PackageInvalid(f"{len(missing)} files are missing, e.g. {min(missing)[:60]!r}")
    _sync_tree(place, alive)
    return manifest


def _manifest(text: bytes) -> Manifest:
    try:
        manifest = msgspec.convert(tomllib.loads(text.decode()), Manifest)
    except (ValueError, msgspec.ValidationError) as error:
        raise PackageInvalid(f"the manifest can not be read: {error}") from error
    if manifest.product != PRODUCT:
        raise PackageInvalid(f"a package for {manifest.product[:40]!r}, and this is a {PRODUCT}")
    if not is_version(manifest.version):
        raise PackageInvalid(f"{manifest.version[:60]!r} is no name of a version")
    return manifest


def _small(tar: tarfile.TarFile, member: tarfile.TarInfo | None, name: str) -> bytes:
    """A member that has to come now. Raises PackageInvalid."""
    if member is None or member.name != name or member.size > MAX_MANIFEST_BYTES:
        raise PackageInvalid(f"no {name} where it has to be")
    file = tar.extractfile(member)
    if file is None:
        raise PackageInvalid(f"{name} is no file")
    return file.read()


def _unpack_file(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    place: Path,
    missing: dict[str, str],
    alive: Alive,
) -> None:
    """One file that the manifest names, and names once."""
    wanted, file = missing.pop(member.name, None), None
    path = PurePosixPath(member.name)
    if wanted is not None and member.isreg() and not path.is_absolute() and ".." not in path.parts:
        file = tar.extractfile(member)
    if file is None:
        raise PackageInvalid(f"{member.name[:60]!r} does not belong into it")
    target = place / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as out:
        found = _copy(file, out, alive)
    if found != wanted:
        raise PackageInvalid(f"{member.name[:60]!r} is not as the manifest says")
    target.chmod(0o755 if member.mode & 0o111 else 0o644)


def _copy(file: IO[bytes], out: IO[bytes], alive: Alive) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        out.write(chunk)
        alive(out.tell())
    return digest.hexdigest()


def _sync_tree(place: Path, alive: Alive) -> None:
    """Everything below is on the disk before it may start."""
    for number, path in enumerate((*place.rglob("*"), place)):
        alive(number)
        if path.is_dir():
            sync_directory(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def is_version(name: str) -> bool:
    """May name a release, which is a directory of that name."""
    return bool(_VERSION.fullmatch(name))
