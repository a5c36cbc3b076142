"""Releases of the station's program in a directory: unpacked, tried, confirmed or taken back.

    root/releases/<version>/   what a package holds
    root/current               a link to the release that starts next
    root/trial.json            while the newest release has not proved itself

A package is a tar (gzip or not). Its first member, `manifest.toml`, names the version and the
SHA-256 of every other file; where a package key is configured, the second one, `manifest.sig`, is
that key's signature (RSA-PSS or ECDSA over SHA-256) of the manifest's bytes. Nothing but files is
unpacked, and nothing that the manifest does not name. The link flips by one rename.

Blocking. `python -m ocpp_link.files.installer ROOT` before the station's programs start counts
the starts of a release on trial, and takes back one that does not get up.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sys
import tarfile
import tomllib
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

import ocpp_link
from ocpp_link.files.errors import PackageInvalid
from ocpp_link.files.jobs import Confirm, End, Install, Outcome, RollBack, Trial
from ocpp_link.files.part_file import CHUNK_BYTES, need_room, sync_directory
from ocpp_link.files.signature import is_signed

MANIFEST, SIGNATURE = "manifest.toml", "manifest.sig"
PRODUCT = "pievse"
MAX_MANIFEST_BYTES = 1 << 20
MAX_STARTS = 3
"""A release that did not confirm itself in so many starts is taken back at the next."""

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,49}")


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    product: str
    version: str
    files: dict[str, str]
    """Path in the package to SHA-256 in hex."""


CODE = Path(ocpp_link.__file__)
"""Where this very program is."""


def runs(root: Path) -> str:
    """The release that this very program is part of; empty where it is of none, whatever the link
    says."""
    releases = (root / "releases").resolve()
    code = CODE.resolve()
    return code.relative_to(releases).parts[0] if code.is_relative_to(releases) else ""


def next_start(root: Path) -> str:
    """The release that starts next; empty where none is installed."""
    with contextlib.suppress(OSError):
        return (root / "current").readlink().name
    return ""


def trial(root: Path) -> Trial | None:
    """None also where it can not be read: then nothing is on trial."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((root / "trial.json").read_bytes(), type=Trial)
    return None


def install(job: Install) -> End:
    """Unpack and make it the next to start. Doing it again changes nothing. Raises PackageInvalid,
    DiskFull or OSError, and has then changed nothing that runs."""
    root, package = Path(job.root), Path(job.path)
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    need_room(releases, 4 * package.stat().st_size, job.spare_bytes)
    if _digest(package) != job.sha256:
        raise PackageInvalid("the file is not the one that was checked")
    fresh = releases / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        manifest = _unpack(package, fresh, job.package_key)
    except (tarfile.TarError, EOFError, OSError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, tarfile.TarError):
            raise PackageInvalid(f"the package can not be unpacked: {error}") from error
        raise PackageInvalid(f"the package is damaged: {error}") from error
    except PackageInvalid:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return _take(root, fresh, manifest.version)


def confirm(job: Confirm) -> End:
    """The trial is over, and what is neither current nor previous is deleted."""
    root = Path(job.root)
    on_trial = trial(root)
    (root / "trial.json").unlink(missing_ok=True)
    sync_directory(root)
    if on_trial is not None:
        _prune(root, {on_trial.version, on_trial.previous})
    return End(Outcome.DONE, version=next_start(root))


def roll_back(job: RollBack) -> End:
    """The release before is the one that starts next. Doing it again changes nothing."""
    root = Path(job.root)
    on_trial = trial(root)
    if on_trial is None or on_trial.rolled_back:
        return End(Outcome.DONE, version=next_start(root))
    if on_trial.previous:
        _flip(root, on_trial.previous)
    _write_trial(root, msgspec.structs.replace(on_trial, rolled_back=True, says=job.says))
    return End(Outcome.DONE, version=next_start(root), restart=True)


def check_start(root: Path) -> str:
    """Before the station starts: what is to be said of it; empty = nothing is on trial."""
    on_trial = trial(root)
    if on_trial is None or on_trial.rolled_back or next_start(root) != on_trial.version:
        return ""
    if on_trial.starts >= MAX_STARTS:
        says = f"{on_trial.version} did not get up in {on_trial.starts} starts"
        roll_back(RollBack(str(root), says))
        return f"{says}: back to {on_trial.previous or 'nothing'}"
    _write_trial(root, msgspec.structs.replace(on_trial, starts=on_trial.starts + 1))
    return f"{on_trial.version} is on trial, start {on_trial.starts + 1} of {MAX_STARTS}"


def _take(root: Path, fresh: Path, version: str) -> End:
    """Put the unpacked release in place and flip the link, each durable before the next."""
    before, place = next_start(root), root / "releases" / version
    if version == before:
        same = _same_manifest(fresh, place)
        shutil.rmtree(fresh)
        if not same:
            raise PackageInvalid(f"another {version} runs already")
        return End(Outcome.DONE, version=version)
    shutil.rmtree(place, ignore_errors=True)
    fresh.replace(place)
    sync_directory(place.parent)
    _write_trial(root, Trial(version=version, previous=before))
    _flip(root, version)
    return End(Outcome.DONE, version=version, restart=True)


def _same_manifest(one: Path, other: Path) -> bool:
    try:
        return (one / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()
    except OSError:
        return False


def _unpack(package: Path, place: Path, package_key: str) -> Manifest:
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
            _unpack_file(tar, member, place, missing)
    if missing:
        raise PackageInvalid(f"{len(missing)} files are missing, e.g. {min(missing)[:60]!r}")
    _sync_tree(place)
    return manifest


def _manifest(text: bytes) -> Manifest:
    try:
        manifest = msgspec.convert(tomllib.loads(text.decode()), Manifest)
    except (ValueError, msgspec.ValidationError) as error:
        raise PackageInvalid(f"the manifest can not be read: {error}") from error
    if manifest.product != PRODUCT:
        raise PackageInvalid(f"a package for {manifest.product[:40]!r}, and this is a {PRODUCT}")
    if not _VERSION.fullmatch(manifest.version):
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
    tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path, missing: dict[str, str]
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
        found = _copy(file, out)
    if found != wanted:
        raise PackageInvalid(f"{member.name[:60]!r} is not as the manifest says")
    target.chmod(0o755 if member.mode & 0o111 else 0o644)


def _copy(file: IO[bytes], out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        out.write(chunk)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_tree(place: Path) -> None:
    """Everything below is on the disk before it may start."""
    for path in (*place.rglob("*"), place):
        if path.is_dir():
            sync_directory(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _flip(root: Path, version: str) -> None:
    link = root / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("releases") / version)
    link.replace(root / "current")
    sync_directory(root)


def _write_trial(root: Path, value: Trial) -> None:
    fresh = root / "trial.new"
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(value))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(root / "trial.json")
    sync_directory(root)


def _prune(root: Path, keep: set[str]) -> None:
    for path in (root / "releases").iterdir():
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    said = check_start(Path(sys.argv[1]))
    if said:
        print(said, file=sys.stderr)
