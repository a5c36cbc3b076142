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
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

import ocpp_link
from ocpp_link.files.errors import PackageInvalid
from ocpp_link.files.jobs import Confirm, End, Install, Outcome, RollBack, Trial
from ocpp_link.files.part_file import CHUNK_BYTES, need_room, sync_directory
from ocpp_link.files.unpack import MANIFEST, Alive, unpack

MAX_STARTS = 3
"""A release that did not confirm itself in so many starts is taken back at the next."""

TAKEN_BACK = 3

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


def install(job: Install, alive: Alive) -> End:
    """Unpack and make it the next to start; `alive` is called every now and then. Doing it again
    changes nothing. Raises PackageInvalid, DiskFull or OSError, and has then changed nothing that
    runs."""
    root, package = Path(job.root), Path(job.path)
    releases = root / "releases"
    releases.mkdir(parents=True, exist_ok=True)
    need_room(releases, 4 * package.stat().st_size, job.spare_bytes)
    if _digest(package, alive) != job.sha256:
        raise PackageInvalid("the file is not the one that was checked")
    with _scratch(releases / ".new") as fresh:
        try:
            manifest = unpack(package, fresh, job.package_key, alive)
        except (tarfile.TarError, EOFError) as error:
            raise PackageInvalid(f"the package is damaged: {error}") from error
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
    """The release before is the one that starts next; where there was none, none is, and no trial
    stays. Doing it again changes nothing."""
    root = Path(job.root)
    on_trial = trial(root)
    if on_trial is None or on_trial.rolled_back:
        return End(Outcome.DONE, version=next_start(root))
    if not on_trial.previous:
        return _withdraw(root, on_trial.version)
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
        if not _same_manifest(fresh, place):
            raise PackageInvalid(f"another {version} runs already")
        return End(Outcome.DONE, version=version)
    shutil.rmtree(place, ignore_errors=True)
    fresh.replace(place)
    sync_directory(place.parent)
    _write_trial(root, Trial(version=version, previous=before))
    _flip(root, version)
    return End(Outcome.DONE, version=version, restart=True)


@contextlib.contextmanager
def _scratch(place: Path) -> Iterator[Path]:
    """A directory that does not outlast what happens in it, unless it is renamed."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _same_manifest(one: Path, other: Path) -> bool:
    try:
        return (one / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()
    except OSError:
        return False


def _digest(path: Path, alive: Alive) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            alive(file.tell())
    return digest.hexdigest()


def _flip(root: Path, version: str) -> None:
    link = root / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("releases") / version)
    link.replace(root / "current")
    sync_directory(root)


def _withdraw(root: Path, version: str) -> End:
    """The link goes before the trial, each durable: a cut in between leaves it to be done again.
    A link that was set to another release meanwhile stays."""
    if next_start(root) == version:
        (root / "current").unlink()
        sync_directory(root)
    (root / "trial.json").unlink(missing_ok=True)
    sync_directory(root)
    says = "there was no release before it to go back to"
    return End(Outcome.DONE, says, version=next_start(root), restart=True)


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


def main(root: Path) -> int:
    """The exit code: 0, or TAKEN_BACK where everything has to begin anew from another release."""
    before = next_start(root)
    said = check_start(root)
    if said:
        print(said, file=sys.stderr)
    return 0 if next_start(root) == before else TAKEN_BACK


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
