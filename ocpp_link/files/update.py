"""A firmware update as a value: what was asked for, how far it is, and what is to be done next."""

from __future__ import annotations

import enum

import msgspec

from ocpp_link.files.records import FirmwareReport, FirmwareStatus

DEFAULT_RETRIES = 3
DEFAULT_RETRY_S = 60
MIN_RETRY_S = 1
"""However eager the back office is: each attempt is a process."""


class Phase(enum.StrEnum):
    SCHEDULED = "scheduled"
    DOWNLOADING = "downloading"
    RETRYING = "retrying"
    """Between two attempts to download."""
    INSTALL_SCHEDULED = "install scheduled"
    WAITING = "waiting"
    """For transactions to end."""
    INSTALLING = "installing"
    REBOOTING = "rebooting"
    PROVING = "proving"
    """The new release runs, and has to show that it works."""
    CONFIRMING = "confirming"
    TAKING_BACK = "taking back"
    ENDED = "ended"


CANCELLABLE = frozenset(
    {
        Phase.SCHEDULED,
        Phase.DOWNLOADING,
        Phase.RETRYING,
        Phase.INSTALL_SCHEDULED,
        Phase.WAITING,
    }
)
HOLDS = frozenset(
    {
        Phase.WAITING,
        Phase.INSTALLING,
        Phase.REBOOTING,
        Phase.PROVING,
        Phase.CONFIRMING,
        Phase.TAKING_BACK,
    }
)
"""In which nobody may begin to charge (whitepaper L01.FR.07)."""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the back office wants."""

    location: str
    retrieve_at_ms: int
    """Wall time, ms since 1970; not before."""
    install_at_ms: int | None = None
    retries: int = DEFAULT_RETRIES
    """After the first attempt (1.6 errata 3.50)."""
    retry_s: int = DEFAULT_RETRY_S
    request_id: int | None = None
    """None: the message has none."""
    certificate: str = ""
    """PEM; empty: nobody signed it."""
    signature: str = ""
    """Base64."""

    @property
    def is_signed(self) -> bool:
        return bool(self.certificate)


class Update(msgspec.Struct, frozen=True, omit_defaults=True):
    """As it is now."""

    name: str
    """Of its file."""
    request: Request
    phase: Phase
    status: FirmwareStatus | None = None
    """The last that was to be told."""
    untold: tuple[FirmwareReport, ...] = ()
    attempts: int = 0
    installs: int = 0
    sha256: str = ""
    restarting: bool = False
    """The restart that it waits for is under way: who starts next starts with everything."""

    @property
    def holds(self) -> bool:
        return self.phase in HOLDS

    @property
    def is_ended(self) -> bool:
        return self.phase is Phase.ENDED


class Act(enum.Enum):
    """What is to be done now."""

    FETCH = "fetch"
    STOP_FETCHING = "stop fetching"
    AWAIT = "await"
    """Look again at `Step.at_ms`."""
    INSTALL = "install"
    RESTART = "restart"
    """Once all is told, or no longer can be."""
    PROVE = "prove"
    """Watch whether the release that runs works."""
    CONFIRM = "confirm"
    ROLL_BACK = "roll back"
    DISCARD = "discard"
    """The file is of no more use."""
    FIRMWARE_UPDATED = "FirmwareUpdated"
    INVALID_SIGNATURE = "InvalidFirmwareSignature"


class Step(msgspec.Struct, frozen=True):
    update: Update
    acts: tuple[Act, ...] = ()
    at_ms: int = 0
    """For AWAIT: wall time."""
