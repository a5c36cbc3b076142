"""The doors of this room: processes that work with files, the installer, who may sign."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

import msgspec

from ocpp_link.files.jobs import End, Job, Trial, Trust

OnEnd = Callable[[End], None]
Cancel = Callable[[], None]


class Workers(Protocol):
    """Does jobs elsewhere, so that nothing here blocks."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """In capitals, as every version of OCPP spells them: those that really work here."""

    @property
    def active(self) -> int:
        """Jobs whose end has not been told: time that is simulated has to wait for them."""

    def start(self, job: Job, on_end: OnEnd) -> Cancel:
        """Never raises, never blocks. `on_end` is called once, later, on the engine's thread, and
        not at all after a cancel, which also ends the work."""

    def discard(self, path: str) -> None:
        """Nothing of this file is needed any more, also of one that is being fetched."""

    def sweep(self, directory: str, keep: str) -> None:
        """Delete what former lives left there, but for the file `keep` and what belongs to it."""


class Installer(Protocol):
    """Puts a release in place of another one, on trial. Each `on_end` as that of `Workers`."""

    @property
    def running(self) -> str:
        """The release that this process is part of."""

    @property
    def can_go_back(self) -> bool:
        """As it stood when this process started: it is part of a release, and one was what starts
        next, to which `roll_back` leads from a newer one."""

    @property
    def trial(self) -> Trial | None:
        """As it stood when this process started."""

    def install(self, package: str, sha256: str, on_end: OnEnd) -> None:
        """Check the package and make it what starts next. Twice is as good as once."""

    def confirm(self, on_end: OnEnd) -> None:
        """The release on trial is good."""

    def roll_back(self, says: str, on_end: OnEnd) -> None:
        """The release before it starts next."""


class SignerVerdict(enum.Enum):
    """On a certificate that firmware is said to be signed with."""

    VALID = "valid"
    INVALID = "invalid"
    """It can not be read, its time is over or not yet come, or no manufacturer's root vouches."""
    REVOKED = "revoked"


class SigningRoots(Protocol):
    """Who may sign firmware: whom a ManufacturerRootCertificate vouches for."""

    def check_signer(self, certificate_pem: str) -> SignerVerdict:
        """Never raises."""


class NoRoots:
    """Nobody may."""

    def check_signer(self, _certificate_pem: str) -> SignerVerdict:
        return SignerVerdict.INVALID


class Sources(msgspec.Struct, frozen=True):
    """What a bundle is made of; empty = there is none."""

    frame_log: str = ""
    """Its path; so are the next three."""
    security_log: str = ""
    journal: str = ""
    """Of the core's session events."""
    flights: str = ""
    """Directory of ring 1's recordings (docs/flight-recorder.md)."""
    configuration: str = ""
    """The text itself, without secrets."""


class Files(msgspec.Struct, frozen=True):
    """What the link may do with files, and where."""

    workers: Workers
    directory: str
    """For what is fetched and what is packed; of nobody else."""
    identity: str
    installer: Installer | None = None
    sources: Sources = Sources()
    trust: Trust = Trust()
    unsigned_firmware: bool = False
    """Take firmware that no certificate signs also where the link is secured."""
