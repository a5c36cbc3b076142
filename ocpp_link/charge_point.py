"""The engine: a charge point of any OCPP version, sans-I/O, synchronous, in one thread.

It takes what the core tells, what the peer sends and the passing of time, and produces frames
and calls to the core. It decides nothing about charging: it reports what happened and passes on
what the back office wants. Nothing here blocks, and nothing raises for what a peer sends.

Owner's duty: feed it; after each feeding write `take_frames()`, and call `poll` at
`next_deadline_ms`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from evse.clock import Clock, earliest
from evse.telling.fault_report import FaultReport
from evse.types.authorization import ProvidedIdToken
from evse.types.powermeter import Powermeter
from evse.types.reservation import ReservationUpdateStatus
from evse.types.session import Limits, StopTransactionReason
from ocpp_link.availability import Availability
from ocpp_link.device import physical
from ocpp_link.device.model import DeviceModel
from ocpp_link.device.settings import Settings
from ocpp_link.files.documents import documents
from ocpp_link.files.logs import LogUploads
from ocpp_link.files.ports import Files
from ocpp_link.files.updates import FirmwareUpdates
from ocpp_link.memory.acknowledgements import Acknowledgements
from ocpp_link.memory.database import Snapshot
from ocpp_link.ports import BootReason, CorePort, CoreReply, Dialect, StationInfo, Store, SystemPort
from ocpp_link.pricing import part
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.records import EvseState
from ocpp_link.registration import Registration
from ocpp_link.remote import Remote
from ocpp_link.reservations import Reservations
from ocpp_link.reset import Reset, ResetMode
from ocpp_link.rpc.rpc import IncomingCall, Rpc
from ocpp_link.sampling import Sampling
from ocpp_link.security.config import SecurityConfig
from ocpp_link.security.events import EventType
from ocpp_link.security.part import Security
from ocpp_link.smart import site
from ocpp_link.smart.smart_charging import SmartCharging
from ocpp_link.station import Station
from ocpp_link.status import StatusReporter
from ocpp_link.system import BareSystem
from ocpp_link.timekeeping import Timekeeper
from ocpp_link.tokens.authorization import Authorization
from ocpp_link.tokens.invalidation import Invalidation
from ocpp_link.tokens.known import KnownTokens
from ocpp_link.transactions.delivery import Transactions
from ocpp_link.transactions.session_events import ENDS, SessionEvents, timed
from ocpp_link.vendors import Vendors

_log = logging.getLogger(__name__)


class ServingDialect(Dialect, Protocol):
    """A dialect that also turns incoming CALLs into acts of the engine."""

    def handle(self, call: IncomingCall, engine: ChargePoint) -> None:
        """Answer one CALL whose payload is valid."""


class DialectSource(Protocol):
    """The versions of OCPP that a station speaks."""

    subprotocols: tuple[str, ...]
    """In order of preference; at least one."""

    def speak(self, subprotocol: str) -> ServingDialect: ...


class ChargePoint:
    """One station's link to its back office.

    Which of the `dialects` is spoken, each connection decides. `new_id`
    gives a fresh message id (≤ 36 characters) at each call. What `store` kept is loaded here.
    Parts are public for the dialects: `station`, `transactions`, `authorization`, …
    """

    def __init__(
        self,
        info: StationInfo,
        *,
        core: CorePort,
        store: Store,
        clock: Clock,
        dialects: DialectSource,
        new_id: Callable[[], str],
        defaults: Settings | None = None,
        boot_reason: BootReason = BootReason.POWER_UP,
        system: SystemPort | None = None,
        files: Files | None = None,
        security: SecurityConfig | None = None,
        pricing: PricingConfig | None = None,
    ) -> None:
        self._dialects = dialects
        self.subprotocols = dialects.subprotocols
        self._dialect = dialects.speak(self.subprotocols[0])
        self._spoken = ""
        kept = store.load()
        states = _states(info, kept)
        self.station = station = Station(
            info,
            core=core,
            store=store,
            clock=clock,
            dialect=self._dialect,
            settings=_settings(kept, defaults or Settings()),
            states=states,
        )
        station.rpc = Rpc(on_call=self._on_call, new_id=new_id)
        station.system = system or BareSystem()
        station.time = Timekeeper(
            station.clock, station.system, kept, station.occasions, station.keep
        )
        self.model = DeviceModel(lambda: station.settings, self.configure)
        self.registration = Registration(station, self.model, kept, boot_reason, self._on_accepted)
        self.status = StatusReporter(station, kept)
        self.security = Security(station, self.model, security or SecurityConfig(), kept)
        self.availability = Availability(station, self.status, kept.decoded("availability", bool))
        known = KnownTokens(station, kept)
        self.authorization = Authorization(station, known, self.model)
        self.transactions = Transactions(station, kept)
        self.charging = SmartCharging(station, kept)
        self.vendors = Vendors(station)
        self.reservations = Reservations(station, kept)
        self.reservations.tell_with(self.status.tell)
        self.status.keeps_free = self.reservations.keeps_free
        self.remote = Remote(station, self.authorization, self.reservations)
        self.invalidation = Invalidation(station, known, self.status, kept)
        self.transactions.answers.append(self.invalidation.heard)
        self.firmware = FirmwareUpdates(
            station,
            files,
            kept,
            restart=self._restart_for_firmware,
            roots=self.security.authorities,
            on_security_event=lambda name, info: station.security.event(EventType(name), info),
        )
        self.registration.answers.append(lambda _answer: self.firmware.boot_answered())
        self.logs = LogUploads(station, files, kept, documents=lambda: documents(station))
        self._journal_id = kept.decoded("core", str).get("journal")
        last_seq = kept.decoded("journal", int).get("seq", 0)
        self._events = SessionEvents(
            station,
            Acknowledgements(core.acknowledge, last_seq),
            queue=self.transactions.queue,
            remote_starts=self.transactions.remote_starts,
            ends=kept.decoded(ENDS, StopTransactionReason),
            on_unreadable=self._reject,
        )
        self.sampling = Sampling(
            station,
            self.model,
            append=self.transactions.append,
            send=self.transactions.send,
            note=self.transactions.note,
        )
        self.pricing = part.pricing(
            pricing,
            station,
            self.model,
            vendors=self.vendors,
            transactions=self.transactions,
            kept=kept,
            sample=self.sampling.other,
        )
        self.reset = Reset(
            station,
            registration=self.registration,
            transactions=self.transactions,
            events=self._events,
            status=self.status,
        )
        self.rejected_inputs = 0
        self.features = [
            "Core",
            "LocalAuthListManagement",
            "Reservation",
            "SmartCharging",
            "RemoteTrigger",
        ]
        """Feature profiles by the names of OCPP 1.6 (§3.2)."""
        self.model.facts |= known.list.facts() | self.reservations.facts()
        self.model.facts |= self._facts() | site.facts(info) | physical.facts(station, self.status)
        self.model.add(physical.rows(station))
        if files is not None:
            if files.installer is not None:
                self.features.append("FirmwareManagement")
            self.model.facts["file_protocols"] = lambda: ",".join(files.workers.protocols)
        self.firmware.resume()

    # The peer

    def on_connected(self, subprotocol: str = "") -> None:
        """The WebSocket stands, and both ends agreed to `subprotocol` (empty: the first one)."""
        station, occasions = self.station, self.station.occasions
        spoken = subprotocol or self.subprotocols[0]
        self._dialect = station.dialect = self._dialects.speak(spoken)
        station.rpc.open(self._dialect.validator, self._dialect.manners)
        if spoken != self._spoken:
            self._spoken = spoken
            station.boot.restart()  # another version is another registration
        for hear in occasions.connected:
            hear()
        if station.boot.accepted:
            for hear in occasions.resumed:
                hear()
        self.poll()

    def on_disconnected(self) -> None:
        """The WebSocket went, for whatever reason."""
        self.station.rpc.close()
        for hear in self.station.occasions.disconnected:
            hear()

    def on_frame(self, text: str) -> None:
        """A text frame of the peer."""
        if not self.station.boot.silent or self._dialect.manners.answers_while_rejected:
            self.station.rpc.receive(text, self._now_ms())
            self.security.heard(self.station.rpc.stats)

    def take_frames(self) -> list[str]:
        """Frames to write now, in this order."""
        return self.station.rpc.take_frames()

    @property
    def connected(self) -> bool:
        return self.station.rpc.is_open

    @property
    def ping_interval_s(self) -> int:
        """WebSocket pings wanted; 0 = none. May change at any time."""
        return self.station.settings.ping_interval_s

    # The core

    @property
    def next_seq(self) -> int:
        """The first event of the core's journal whose effect is not on disk here."""
        return self._events.acknowledgements.last_seq + 1

    def on_core_connected(self) -> None:
        """The core's door is open; events follow from the last acknowledged one."""
        self.station.core_up = True
        self._events.acknowledgements.repeat()  # the last one may have died with this process
        for hear in self.station.occasions.core_came:
            hear()

    @property
    def journal_id(self) -> str | None:
        """Of the core's journal in which `next_seq` counts; None while none has been heard of."""
        return self._journal_id

    def on_journal(self, journal_id: str, *, first_seq: int, from_seq: int) -> None:
        """Which journal the core has, the oldest event in it, and the one that it begins to tell
        with; call before its events. A journal that began anew is told from its beginning, and a
        link that lost its memory behind what it had acknowledged; what is forgotten is missed."""
        if self._journal_id != journal_id:
            if self._journal_id is not None:
                _log.warning(
                    "the core has begun a new journal: its events are taken from the first"
                )
            self._events.acknowledgements.restart(from_seq - 1)
        if first_seq > self.next_seq:
            _log.error(
                "events %d to %d of the core are forgotten there and were never seen here: what "
                "they would have told the back office is lost",
                self.next_seq,
                first_seq - 1,
            )
        if self._journal_id != journal_id:
            self._journal_id = journal_id
            seq = self._events.acknowledgements.last_seq
            self.station.store.submit(lambda database: database.follow(journal_id, seq))

    def on_core_lost(self) -> None:
        """The core's door closed. Reported to the back office when it stays so."""
        self.station.core_up = False
        self.status.core_went()

    def on_session_event(self, evse: int, event: dict[str, Any], seq: int) -> None:
        """An event of the core's journal. Acknowledged when its effect is durable; an event
        that cannot be understood is counted and acknowledged, so that it blocks nothing."""
        self._events.take(evse, event, seq)

    def on_powermeter(self, evse: int, value: dict[str, Any]) -> None:
        """A reading of the EVSE's billing meter."""
        try:
            meter = msgspec.convert(value, Powermeter)
        except msgspec.ValidationError as error:
            self._reject("powermeter", error)
        else:
            self.station.meters[evse] = timed(meter, self.station.clock)
            self.station.metered_ms[evse] = self._now_ms()
            for hear in self.station.occasions.metered:
                hear(evse)

    def on_limits(self, evse: int, value: dict[str, Any]) -> None:
        """What the EVSE offers."""
        try:
            self.station.limits[evse] = msgspec.convert(value, Limits)
        except msgspec.ValidationError as error:
            self._reject("limits", error)

    def on_faults(self, evse: int, value: list[Any]) -> None:
        """The faults that stand at the EVSE."""
        try:
            faults = msgspec.convert(value, tuple[FaultReport, ...])
            self.status.faults_are(evse, faults)
            self.security.faults_are(evse, faults)
        except (msgspec.ValidationError, KeyError) as error:
            self._reject("faults", error)

    def on_reservation(self, value: dict[str, Any]) -> None:
        """What became of a reservation that the core keeps."""
        try:
            told = msgspec.convert(value, ReservationUpdateStatus)
        except msgspec.ValidationError as error:
            self._reject("reservation update", error)
        else:
            self.reservations.on_update(told.reservation_id, told.reservation_status)

    def validate(self, token: Any, on_reply: Callable[[CoreReply], None]) -> None:
        """The core asks about a token that somebody presented (a ProvidedIdToken); `on_reply` is
        called once, with a ValidationResult or with words."""
        try:
            provided = msgspec.convert(token, ProvidedIdToken)
        except msgspec.ValidationError as error:
            self._reject("token", error)
            on_reply(CoreReply(error=f"the token can not be read: {error}"))
        else:
            self.authorization.validate(provided, on_reply)

    # Time

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` next has something to do; None = only after another input."""
        station = self.station
        return earliest(
            station.timers.next_deadline_ms,
            station.rpc.next_deadline_ms,
            station.store.next_deadline_ms,
            self.registration.next_deadline_ms,
            self.transactions.queue.next_deadline_ms if station.operational else None,
        )

    def poll(self) -> None:
        """Do what is due."""
        now_ms, station = self._now_ms(), self.station
        station.store.poll(now_ms)
        station.rpc.poll(now_ms)
        for name in station.timers.pop_due(now_ms):
            self._on_timer(name)
        self.registration.poll(now_ms)
        self.transactions.pump()

    def close(self) -> None:
        """Before the process ends: what waits to be saved is handed to the store."""
        self.charging.save()

    # Acts that the dialects ask for

    def configure(self, settings: Settings) -> None:
        """New settings, kept over restarts, in effect at once."""
        before, self.station.settings = self.station.settings, settings
        for field in settings.__struct_fields__:
            if getattr(settings, field) != getattr(before, field):
                self.station.keep("setting", field, getattr(settings, field))
        if settings != before:
            for hear in self.station.occasions.configured:
                hear(before, settings)

    # Inside

    def _facts(self) -> dict[str, Callable[[], str]]:
        """What the device model tells of the station as it was built."""
        evses = len(self.station.info.evses)
        return {
            "evses": lambda: str(evses),
            "evses_with_station": lambda: str(evses + 1),
            "feature_profiles": lambda: ",".join(self.features),
        }

    def _now_ms(self) -> int:
        return self.station.clock.now_ms()

    def _on_call(self, call: IncomingCall) -> None:
        self._dialect.handle(call, self)

    def _restart_for_firmware(self) -> None:
        self.reset.ask(ResetMode.GRACEFUL, BootReason.FIRMWARE_UPDATE)

    def _on_accepted(self) -> None:
        for hear in self.station.occasions.registered:
            hear()

    def _on_timer(self, name: Hashable) -> None:
        if isinstance(name, tuple):
            self.station.on_timer[name[0]](*name[1:])

    def _reject(self, what: str, error: Exception) -> None:
        self.rejected_inputs += 1
        _log.error("the core sent a %s that is not understood: %s", what, error)


def _states(info: StationInfo, kept: Snapshot) -> dict[int, EvseState]:
    states = {evse: EvseState(evse) for evse in range(1, len(info.evses) + 1)}
    remembered = {state.evse: state for state in kept.decoded("evse", EvseState).values()}
    return {evse: remembered.get(evse, state) for evse, state in states.items()}


def _settings(kept: Snapshot, defaults: Settings) -> Settings:
    """What was changed and kept, over the configuration's values."""
    changed: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        value = kept.decoded("setting", field.type, field.name).get(field.name, UNSET)
        if value is not UNSET:
            changed[field.name] = value
    return msgspec.structs.replace(defaults, **changed)
