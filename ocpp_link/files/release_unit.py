"""Work on releases that belong to root, asked for by the link's user and done by a systemd unit.

The link's worker puts what it asks for into a directory of its own, starts the unit by name and
reads what became of it. The unit, `python -m ocpp_link.files.release_unit` as root, believes
nothing of that: the releases' directory, the packages' directory and the key are its own arguments,
and a package is copied to where nobody else can write before anything of it is read. Without a key
nothing is installed: a process that faces the internet can not vouch for what all others run.

Blocking.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import secrets
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ocpp_link.files import installer
from ocpp_link.files.errors import FileError, PackageInvalid
from ocpp_link.files.jobs import (
    MAX_FILE_BYTES,
    ByUnit,
    Confirm,
    End,
    Install,
    Outcome,
    RollBack,
)
from ocpp_link.files.part_file import CHUNK_BYTES, need_room
from ocpp_link.files.unpack import Alive

UNIT = "pievse-install-release.service"
ANSWER = "answer.json"
"""In the releases' directory."""
REQUEST = "request.json"
MAX_REQUEST_BYTES = 1 << 16
POLL_S = 0.5
SPARE_BYTES = Install("", "", "").spare_bytes


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nonce: str
    act: Install | Confirm | RollBack


class Answer(msgspec.Struct, frozen=True):
    nonce: str
    end: End


def ask(job: ByUnit, alive: Alive, program: str = "systemctl") -> End:
    """The link's side. Raises OSError where the request can not be put down."""
    nonce = secrets.token_hex(16)
    directory = Path(job.directory)
    directory.mkdir(mode=0o700, exist_ok=True)
    fresh = directory / f"{REQUEST}.new"
    fresh.write_bytes(msgspec.json.encode(Request(nonce, job.act)))
    fresh.replace(directory / REQUEST)
    said = _start(program, alive)
    answer = _answer(Path(job.act.root) / ANSWER)
    if answer is None or answer.nonce != nonce:
        return End(Outcome.FAILED, f"{UNIT} gave no answer{said and f': {said}'}")
    return answer.end


def _start(program: str, alive: Alive) -> str:
    """Until the unit has ended; what was said of it."""
    with subprocess.Popen(
        (program, "start", UNIT),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as started:
        while started.poll() is None:
            alive(0)
            time.sleep(POLL_S)
        assert started.stderr is not None
        return " ".join(started.stderr.read().split())


def _answer(path: Path) -> Answer | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(path.read_bytes(), type=Answer)
    return None


def serve(request: Path, root: Path, packages: Path, key: Path) -> bool:
    """The unit's side: do what `request` asks, below `root`, and put the answer there. False where
    it can not be read. Raises OSError where the answer can not be put down."""
    try:
        asked = msgspec.json.decode(_read_own(request, MAX_REQUEST_BYTES), type=Request)
    except (OSError, msgspec.DecodeError, FileError) as error:
        print(f"{request}: {error}", file=sys.stderr)
        return False
    end = _done(asked.act, root, packages, key)
    print(f"{type(asked.act).__name__}: {end.outcome} {end.version} {end.says}", file=sys.stderr)
    fresh = root / f"{ANSWER}.new"
    fresh.write_bytes(msgspec.json.encode(Answer(asked.nonce, end)))
    fresh.chmod(0o644)
    fresh.replace(root / ANSWER)
    return True


def _done(act: Install | Confirm | RollBack, root: Path, packages: Path, key: Path) -> End:
    try:
        match act:
            case Install():
                return _install(act, root, packages, key)
            case Confirm():
                return installer.confirm(Confirm(str(root)))
            case RollBack():
                return installer.roll_back(RollBack(str(root), act.says))
    except FileError as error:
        return End(error.outcome, str(error))
    except OSError as error:
        return End(Outcome.FAILED, f"{type(error).__name__}: {error}")


def _install(act: Install, root: Path, packages: Path, key: Path) -> End:
    """Raises FileError or OSError."""
    if not key.is_file():
        raise PackageInvalid(f"there is no {key}: nothing is installed that it did not sign")
    with _copied(packages / Path(act.path).name, root) as package:
        end = installer.install(Install(str(root), str(package), act.sha256, str(key)), _alone)
    # Nobody else may write there later, and a Pi Zero compiles for a minute.
    compileall.compile_dir(root / "releases" / end.version / "lib", quiet=2, workers=1)
    return end


def _alone(_done: int) -> None:
    """Nobody waits for a sign of life."""


@contextlib.contextmanager
def _copied(package: Path, root: Path) -> Iterator[Path]:
    """A copy that nobody else can write to, for as long as it is needed."""
    copy = root / "package.tmp"
    try:
        with _opened(package) as file:
            size = os.fstat(file).st_size
            need_room(root, size, SPARE_BYTES)
            with copy.open("wb") as out:
                left = min(size, MAX_FILE_BYTES)
                while left and (chunk := os.read(file, min(CHUNK_BYTES, left))):
                    out.write(chunk)
                    left -= len(chunk)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _read_own(path: Path, limit: int) -> bytes:
    with _opened(path) as file:
        return os.read(file, limit)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A file, and neither a link nor anything that blocks. Raises PackageInvalid or OSError."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise PackageInvalid(f"{path} is no file")
        yield file
    finally:
        os.close(file)


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 1 where there is no request that can be read."""
    parser = argparse.ArgumentParser(description="install, confirm or take back a release")
    for name in ("--request", "--root", "--packages", "--key"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args(arguments)
    return 0 if serve(given.request, given.root, given.packages, given.key) else 1


if __name__ == "__main__":
    sys.exit(main())
