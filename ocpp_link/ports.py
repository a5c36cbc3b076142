"""The doors of the engine: what it asks of the core, of the disk and of an OCPP version."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from evse.types.authorization import IdToken
from ocpp_link.data_transfer import VendorAnswer, VendorMessage
from ocpp_link.device.settings import Settings
from ocpp_link.files.records import FirmwareReport, LogReport
from ocpp_link.memory.database import Database, Snapshot
from ocpp_link.records import (
    BootAnswer,
    Message,
    StatusReport,
    TxAnswer,
    TxRecord,
    Verdict,
)
from ocpp_link.rpc.codes import Manners
from ocpp_link.rpc.rpc import Payload, Validator
from ocpp_link.security.events import SecurityEvent

T = TypeVar("T")


class EvseInfo(msgspec.Struct, frozen=True):
    """What the link must know of one EVSE's hardware."""

    phases: int = 3
    max_current_a: float = 32.0
    has_lock: bool = True
    switches_phases: bool = False
    """Between one phase and three, by the limits, during a transaction."""
    meter_type: str = ""
    meter_serial: str = ""
    meter_signs: bool = False
    """The begin and the end of each transaction."""


class StationInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who the station is. Strings are cut to the lengths that BootNotification allows."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""
    nominal_voltage_v: float = 230.0
    lines: int = 3
    """Over how many lines of the supply a power for the whole station is spread."""
    fuse_a: float | None = None
    """Of the supply, per line."""
    evses: tuple[EvseInfo, ...] = (EvseInfo(),)
    """EVSE n is connector n, from 1."""


class CoreReply(msgspec.Struct, frozen=True):
    """How a call to the core ended: `error` is empty, or says why `result` is missing."""

    result: Any = None
    error: str = ""


class CorePort(Protocol):
    """The core's public interface. `call` never blocks and never raises; `on_reply` is called
    exactly once, at once or later, also when the core is gone."""

    def call(
        self, method: str, params: dict[str, Any], on_reply: Callable[[CoreReply], None]
    ) -> None:
        """E.g. `evse_manager.enable` with `{"evse": 1, "connector_id": 0}`."""

    def acknowledge(self, seq: int) -> None:
        """Every session event up to `seq` is durable here and need not be sent again."""


class Store(Protocol):
    """Everything that touches the disk, in order, on whatever thread. `submit` returns at once;
    `on_done` follows, on the engine's thread, when the work is durable. A disk that fails is a
    slow disk: the work is tried again, and `on_done` waits."""

    def load(self) -> Snapshot:
        """What was kept; called once, before anything is submitted."""

    def submit(
        self, work: Callable[[Database], T], on_done: Callable[[T], None] | None = None
    ) -> None:
        """Run `work` after all that was submitted before, and make it durable."""

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` has something to do."""

    def poll(self, now_ms: int) -> None:
        """Try again what the disk refused; finish what a simulated one has finished by `now_ms`."""


class BootReason(enum.Enum):
    """Why the station registers (2.0.1 part 2 §3.6; 1.6 does not tell it)."""

    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


class RestartKind(enum.Enum):
    """How much of the station begins anew."""

    APPLICATION = "application"
    """The programs: the core and the links."""
    HARDWARE = "hardware"
    """All that can be: also ring 1, or the whole computer."""


class SystemPort(Protocol):
    """The computer that the station runs on. Nothing here blocks or raises; what it calls back
    with is empty, or says in words why nothing came of it."""

    boot_id: str
    """Of this boot of the computer: a clock that was wrong is wrong by the same until the next."""

    def set_time(self, utc: datetime, on_done: Callable[[str], None], /) -> None:
        """Set the wall clock."""

    def restart(self, kind: RestartKind, on_failed: Callable[[str], None], /) -> None:
        """End this process, and all that belongs to `kind`; `on_failed` where that fails."""


class ProcessOwner(Protocol):
    """Whoever started the link's process and watches it. Nothing here blocks or raises."""

    def ready(self) -> None:
        """The link's own door is open, or stays shut for good."""

    def turned(self, now_ms: int, /) -> None:
        """A turn of the live loop went well; one comes every two seconds at least."""


class Dialect(Protocol):
    """One OCPP version: neutral facts to messages, and the answers to them back. Stateless, but
    for the schemas that have been compiled; stations may share one."""

    subprotocol: str
    max_token_chars: int
    asks_foreign_tokens: bool
    """During a transaction a token that could not end it, as far as is known, is asked about."""
    trusts_known_groups: bool
    """A token that is known here to be good, and of the group of a running transaction, ends it
    without being asked about."""
    manners: Manners
    retells_statuses: bool
    """After an interruption that was too long every status is told again, changed or not."""
    end_samples_apart: bool
    """The samples that go with a transaction's end have an interval of their own."""

    @property
    def validator(self) -> Validator: ...
    def boot(self, station: StationInfo, reason: BootReason) -> Message: ...
    def boot_answer(self, payload: Payload) -> BootAnswer: ...
    def heartbeat(self) -> Message: ...
    def data_transfer(self, message: VendorMessage) -> Message: ...
    def data_transfer_answer(self, payload: Payload) -> VendorAnswer: ...
    def heartbeat_time(self, payload: Payload) -> str:
        """The back office's clock, as the answer to a heartbeat tells it."""

    def passwords(self, key: str) -> tuple[bytes, ...]:
        """What a key from the back office may mean in HTTP Basic, the likeliest first. Raises
        ValueError for a text that is none."""

    def security_event(self, event: SecurityEvent) -> Message: ...
    def sign_certificate(self, request: str) -> Message:
        """`request` is a CSR in PEM; the answer has a `status`, `Accepted` or not."""

    def authorize(self, token: IdToken) -> Message: ...
    def authorize_answer(self, payload: Payload) -> Verdict: ...
    def seen(self, report: StatusReport) -> StatusReport:
        """The report, less the differences for which the version has no words."""

    def status(self, report: StatusReport) -> list[Message]:
        """Empty where the version has no message for it."""

    def render(
        self, record: TxRecord, transaction_id: int | None, settings: Settings
    ) -> Message | None:
        """None where there is nothing to say (no measurand configured)."""

    def answered(self, record: TxRecord, payload: Payload) -> TxAnswer:
        """What the answer to a record's message says."""

    def reservation_ended(self, reservation_id: int, status: str) -> Message | None:
        """It ended unused; `status` is a ReservationUpdate. None where the version has no word
        for it."""

    def firmware_status(self, report: FirmwareReport) -> Message | None:
        """None where the version has no word for it."""

    def log_status(self, report: LogReport) -> Message | None:
        """None where the version has no word for it."""
