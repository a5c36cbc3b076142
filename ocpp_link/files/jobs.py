"""What the link lets a process of its own do with files, and what that says of it.

One job is one line of JSON on the process's standard input (never an argument: locations hold
passwords); what it says is lines of JSON on its standard output, the last of them an `End`.
"""

from __future__ import annotations

import enum

import msgspec

MEBIBYTE = 1 << 20
MAX_FILE_BYTES = 512 * MEBIBYTE
IDLE_TIMEOUT_S = 60
"""A connection over which nothing moves for so long is given up."""
CONNECT_TIMEOUT_S = 30


class Outcome(enum.StrEnum):
    """How a job ended."""

    DONE = "done"
    BAD_LOCATION = "bad location"
    UNSUPPORTED = "unsupported"
    """By this station, or by the server."""
    REFUSED = "refused"
    """The server allows it to nobody, or not with these credentials."""
    NOT_FOUND = "not found"
    UNTRUSTED = "untrusted"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too large"
    NO_SPACE = "no space"
    INVALID_PACKAGE = "invalid package"
    FAILED = "failed"


class Trust(msgspec.Struct, frozen=True, omit_defaults=True):
    """How servers prove who they are."""

    system_roots: bool = True
    ca_files: tuple[str, ...] = ()
    """PEM files of roots beside those of the system (https, ftps)."""
    known_hosts: str = ""
    """A file in OpenSSH's format; empty: an SFTP server's key is not checked."""


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a transfer may take."""

    max_bytes: int = MAX_FILE_BYTES
    spare_bytes: int = 64 * MEBIBYTE
    """What has to stay free on the disk."""
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    idle_timeout_s: float = IDLE_TIMEOUT_S


class Download(msgspec.Struct, frozen=True, tag="download", omit_defaults=True):
    """Fetch `url` into `path`, which appears whole or not at all. What an earlier attempt left in
    `path` + `.part` is gone on with where the server allows it."""

    url: str
    path: str
    trust: Trust = Trust()
    limits: Limits = Limits()


class Upload(msgspec.Struct, frozen=True, tag="upload", omit_defaults=True):
    """Put the file `path` to the directory `url` as `name`."""

    url: str
    path: str
    name: str
    resume: bool = False
    """An earlier attempt may have left a beginning there."""
    trust: Trust = Trust()
    limits: Limits = Limits()


class Extract(msgspec.Struct, frozen=True, tag="extract", omit_defaults=True):
    """A log of lines that each tell a time, as one member of a bundle, oldest first."""

    name: str
    path: str
    """With those that it was before it was rotated (wire/rotated_file.py)."""


class Bundle(msgspec.Struct, frozen=True, tag="bundle", omit_defaults=True):
    """Pack what is known of the station into `path`: gzip of a tar of all parts, or of the
    lines alone where `plain`. What can not be read is told in the bundle itself."""

    path: str
    oldest: str = ""
    """RFC 3339; what is older is left out. Empty: no bound."""
    latest: str = ""
    extracts: tuple[Extract, ...] = ()
    journal: str = ""
    """The core's database; empty: none."""
    flights: str = ""
    """The directory of ring 1's recordings; empty: none."""
    documents: dict[str, str] = {}
    """By name: text that goes in as it is."""
    plain: bool = False


class Install(msgspec.Struct, frozen=True, tag="install", omit_defaults=True):
    """Unpack the package `path` below `root` and make it the one that starts next."""

    root: str
    path: str
    sha256: str
    """Of the package, as it was checked before: another file is refused."""
    package_key: str = ""
    """PEM file of the key that signs packages; empty: they need no signature of their own."""
    spare_bytes: int = 64 * MEBIBYTE


class Confirm(msgspec.Struct, frozen=True, tag="confirm"):
    """The release that runs is good: the trial is over."""

    root: str


class RollBack(msgspec.Struct, frozen=True, tag="roll back"):
    """The release that ran before is the one that starts next."""

    root: str
    says: str


class ByUnit(msgspec.Struct, frozen=True, tag="by unit"):
    """Have the systemd unit that owns the releases do it: `act` is put into `directory`, which is
    this process's own, for the unit to read (release_unit.py)."""

    act: Install | Confirm | RollBack
    directory: str


class Trial(msgspec.Struct, frozen=True):
    """A release that has yet to prove itself, or that did not."""

    version: str
    previous: str
    starts: int = 0
    rolled_back: bool = False
    says: str = ""


Job = Download | Upload | Bundle | Install | Confirm | RollBack | ByUnit


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """The job is alive. `total` is 0 while it is not known."""

    done: int
    total: int = 0


class End(msgspec.Struct, frozen=True, tag="end", omit_defaults=True):
    """How it ended; `says` names what was wrong, without credentials."""

    outcome: Outcome
    says: str = ""
    sha256: str = ""
    """Of what was downloaded."""
    bytes: int = 0
    version: str = ""
    """That was installed."""
    restart: bool = False
    """It runs only after a restart."""


Line = Progress | End
