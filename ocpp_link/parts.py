"""What an engine is made of: its parts, put together on what its disk kept.

Parts are public for the dialects and the door: `station`, `transactions`, `authorization`, …
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from evse.clock import Clock
from evse.types.session import StopTransactionReason
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
from ocpp_link.metering.sampling import Sampling
from ocpp_link.metering.signed import FIELDS as SIGNING
from ocpp_link.ports import BootReason, CorePort, Dialect, StationInfo, Store, SystemPort
from ocpp_link.pricing import part
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.records import EvseState
from ocpp_link.registration import Registration
from ocpp_link.remote import Remote
from ocpp_link.reservations import Reservations
from ocpp_link.reset import Reset, ResetMode
from ocpp_link.rpc.rpc import IncomingCall, Rpc
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
from ocpp_link.transactions.session_events import ENDS, SessionEvents
from ocpp_link.vendors import Vendors

_log = logging.getLogger(__name__)


class Parts:
    """The parts of one station's link. `dialect` is the first of those that may be spoken."""

    def __init__(
        self,
        info: StationInfo,
        *,
        core: CorePort,
        store: Store,
        clock: Clock,
        dialect: Dialect,
        on_call: Callable[[IncomingCall], None],
        new_id: Callable[[], str],
        defaults: Settings | None = None,
        boot_reason: BootReason = BootReason.POWER_UP,
        system: SystemPort | None = None,
        files: Files | None = None,
        security: SecurityConfig | None = None,
        pricing: PricingConfig | None = None,
    ) -> None:
        kept = store.load()
        states = _states(info, kept)
        self.station = station = Station(
            info,
            core=core,
            store=store,
            clock=clock,
            dialect=dialect,
            settings=_settings(kept, defaults or Settings()),
            states=states,
        )
        station.rpc = Rpc(on_call=on_call, new_id=new_id)
        station.system = system or BareSystem()
        station.time = Timekeeper(
            station.clock, station.system, kept, station.occasions, station.keep
        )
        self.model = DeviceModel(lambda: station.settings, self.configure)
        self.rejected_inputs = 0
        self.features = [
            "Core",
            "LocalAuthListManagement",
            "Reservation",
            "SmartCharging",
            "RemoteTrigger",
        ]
        """Feature profiles by the names of OCPP 1.6 (§3.2)."""
        self.registration = Registration(station, self.model, kept, boot_reason, self._on_accepted)
        self.status = StatusReporter(station, kept)
        self.security = Security(station, self.model, security or SecurityConfig(), kept)
        self.availability = Availability(station, self.status, kept.decoded("availability", bool))
        self.charging = SmartCharging(station, kept)
        self.vendors = Vendors(station)
        self._add_transactions(kept)
        self._add_tokens(kept)
        self._add_metering(pricing, kept)
        self._add_reset()
        self._add_files(files, kept)
        self._add_facts()

    def _add_transactions(self, kept: Snapshot) -> None:
        station = self.station
        self.transactions = Transactions(station, kept)
        self._journal_id = kept.decoded("core", str).get("journal")
        last_seq = kept.decoded("journal", int).get("seq", 0)
        self._events = SessionEvents(
            station,
            Acknowledgements(station.core.acknowledge, last_seq),
            queue=self.transactions.queue,
            remote_starts=self.transactions.remote_starts,
            ends=kept.decoded(ENDS, StopTransactionReason),
            on_unreadable=self._reject,
        )

    def _add_tokens(self, kept: Snapshot) -> None:
        """Whom the station lets charge, and for whom it keeps an EVSE."""
        station = self.station
        known = KnownTokens(station, kept)
        self.authorization = Authorization(station, known, self.model)
        self.reservations = Reservations(station, kept)
        self.reservations.tell_with(self.status.tell)
        self.status.keeps_free = self.reservations.keeps_free
        self.remote = Remote(station, self.authorization, self.reservations)
        self.invalidation = Invalidation(station, known, self.status, kept)
        self.transactions.answers.append(self.invalidation.heard)
        self.model.facts |= known.list.facts() | self.reservations.facts()

    def _add_metering(self, pricing: PricingConfig | None, kept: Snapshot) -> None:
        self.sampling = Sampling(
            self.station,
            self.model,
            append=self.transactions.append,
            send=self.transactions.send,
            note=self.transactions.note,
        )
        self._events.on_start = self.sampling.begun
        self.pricing = part.pricing(
            pricing,
            self.station,
            self.model,
            vendors=self.vendors,
            transactions=self.transactions,
            kept=kept,
            sample=self.sampling.other,
        )

    def _add_reset(self) -> None:
        self.reset = Reset(
            self.station,
            registration=self.registration,
            transactions=self.transactions,
            events=self._events,
            status=self.status,
        )

    def _add_files(self, files: Files | None, kept: Snapshot) -> None:
        """Firmware, diagnostics and logs, as far as the station can carry files."""
        station = self.station
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
        if files is not None:
            if files.installer is not None:
                self.features.append("FirmwareManagement")
            self.model.facts["file_protocols"] = lambda: ",".join(files.workers.protocols)
        self.firmware.resume()

    def _add_facts(self) -> None:
        station = self.station
        self.model.facts |= self._facts() | site.facts(station.info)
        self.model.facts |= physical.facts(station, self.status)
        self.model.add(physical.rows(station))
        if any(evse.meter_signs for evse in station.info.evses):
            self.model.facts["signs_updates"] = lambda: "false"
        else:
            self.model.absent.update(SIGNING)

    def _facts(self) -> dict[str, Callable[[], str]]:
        """What the device model tells of the station as it was built."""
        evses = len(self.station.info.evses)
        return {
            "evses": lambda: str(evses),
            "evses_with_station": lambda: str(evses + 1),
            "feature_profiles": lambda: ",".join(self.features),
        }

    def configure(self, settings: Settings) -> None:
        """New settings, kept over restarts, in effect at once."""
        before, self.station.settings = self.station.settings, settings
        for field in settings.__struct_fields__:
            if getattr(settings, field) != getattr(before, field):
                self.station.keep("setting", field, getattr(settings, field))
        if settings != before:
            for hear in self.station.occasions.configured:
                hear(before, settings)

    def _restart_for_firmware(self) -> None:
        self.reset.ask(ResetMode.GRACEFUL, BootReason.FIRMWARE_UPDATE)

    def _on_accepted(self) -> None:
        for hear in self.station.occasions.registered:
            hear()

    def _reject(self, what: str, error: Exception) -> None:
        self.rejected_inputs += 1
        _log.error("the core sent a %s that is not understood: %s", what, error)


def _states(info: StationInfo, kept: Snapshot) -> dict[int, EvseState]:
    states = {evse: EvseState(evse) for evse in range(1, len(info.evses) + 1)}
    remembered = {state.evse: state for state in kept.decoded("evse", EvseState).values()}
    return {evse: remembered.get(evse, state) for evse, state in states.items()}


@functools.cache
def _fields() -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(Settings)


def _settings(kept: Snapshot, defaults: Settings) -> Settings:
    """What was changed and kept, over the configuration's values."""
    changed: dict[str, Any] = {}
    for field in _fields() if "setting" in kept.items else ():
        value = kept.decoded("setting", field.type, field.name).get(field.name, UNSET)
        if value is not UNSET:
            changed[field.name] = value
    return msgspec.structs.replace(defaults, **changed)
