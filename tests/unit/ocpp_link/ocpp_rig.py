"""A charge point on a virtual clock, with a core that answers and a back office in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from evse.clock import VirtualClock, rfc3339
from hil.csms.brain import CsmsBrain, InlineCsms
from ocpp_link.charge_point import ChargePoint
from ocpp_link.device.settings import Settings
from ocpp_link.dialects import Dialects
from ocpp_link.files.ports import Files
from ocpp_link.memory.database import Database
from ocpp_link.memory.store import InlineStore
from ocpp_link.ports import CoreReply, EvseInfo, RestartKind, StationInfo
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.security.config import SecurityConfig


class FakeCore:
    """Answers every command with True, or as told; keeps what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.acknowledged = 0
        self.replies: dict[str, CoreReply | None] = {}
        """By method; None = answer later, through `pending`."""
        self.pending: list[Callable[[CoreReply], None]] = []

    def call(
        self, method: str, params: dict[str, Any], on_reply: Callable[[CoreReply], None]
    ) -> None:
        self.calls.append((method, params))
        reply = self.replies.get(method, CoreReply(result=True))
        if reply is None:
            self.pending.append(on_reply)
        else:
            on_reply(reply)

    def acknowledge(self, seq: int) -> None:
        assert seq >= self.acknowledged
        self.acknowledged = seq

    def called(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == f"evse_manager.{method}"]

    def presented(self) -> list[dict[str, Any]]:
        """The tokens of remote starts."""
        method = "auth_token_provider.present"
        return [params["token"] for name, params in self.calls if name == method]

    def connection_timeouts_s(self) -> list[int]:
        """As the core was told them."""
        method = "authorization.set_connection_timeout"
        return [params["connection_timeout_s"] for name, params in self.calls if name == method]


class FakeClock(VirtualClock):
    """A computer's clock that shows a wrong time until somebody sets it."""

    def __init__(self, wrong_s: float = 0.0) -> None:
        super().__init__()
        self.wrong = timedelta(seconds=wrong_s)

    def utc(self) -> datetime:
        return super().utc() + self.wrong


class FakeSystem:
    """Sets the rig's clock where that is allowed, and keeps what was to restart."""

    def __init__(self, clock: VirtualClock, boot_id: str = "boot 1") -> None:
        self.boot_id = boot_id
        self.clock = clock
        self.may_set_clock = True
        self.set: list[datetime] = []
        self.restarts: list[RestartKind] = []
        self.refuses = ""

    def set_time(self, utc: datetime, on_done: Callable[[str], None]) -> None:
        if not self.may_set_clock:
            on_done("not allowed")
            return
        self.set.append(utc)
        if isinstance(self.clock, FakeClock):
            self.clock.wrong += utc - self.clock.utc()
        on_done("")

    def restart(self, kind: RestartKind, on_failed: Callable[[str], None]) -> None:
        self.restarts.append(kind)
        if self.refuses:
            on_failed(self.refuses)


class Rig:
    """Wires engine, core, back office and clock; frames travel at once while connected."""

    def __init__(
        self,
        *,
        evses: int = 1,
        database: Database | None = None,
        brain: CsmsBrain | None = None,
        clock: VirtualClock | None = None,
        latency_ms: int = 0,
        settings: Settings | None = None,
        versions: tuple[str, ...] = ("1.6",),
        boot_id: str = "boot 1",
        files: Files | None = None,
        security: SecurityConfig | None = None,
        pricing: PricingConfig | None = None,
        serial: str = "",
        has_lock: bool = True,
        meter_signs: bool = False,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.core = FakeCore()
        self.system = FakeSystem(self.clock, boot_id)
        self.brain = brain or CsmsBrain(self.clock)
        self.csms = InlineCsms(self.brain)
        self.database = database or Database(":memory:")
        self.store = InlineStore(self.database, latency_ms=latency_ms)
        self.ids = 0
        self.seq = 0
        self.wh = 1_000_000.0
        self.sent: list[str] = []
        self.engine = ChargePoint(
            StationInfo(
                vendor="PiEVSE",
                model="Bench",
                serial=serial,
                evses=(EvseInfo(has_lock=has_lock, meter_signs=meter_signs),) * evses,
            ),
            core=self.core,
            store=self.store,
            clock=self.clock,
            dialects=Dialects(versions),
            new_id=self._new_id,
            defaults=settings,
            system=self.system,
            files=files,
            security=security,
            pricing=pricing,
        )

    def _new_id(self) -> str:
        self.ids += 1
        return f"{id(self):x}-{self.ids}"

    def start(self) -> Rig:
        """Core first, then the back office."""
        self.engine.on_core_connected()
        self.connect()
        return self

    def connect(self) -> None:
        self.engine.on_connected()
        self.flush()

    def disconnect(self) -> None:
        self.engine.on_disconnected()

    def flush(self) -> None:
        """Carry frames both ways until nobody has anything to say."""
        while frames := self.engine.take_frames():
            for frame in frames:
                self.sent.append(frame)
                for answer in self.csms.receive(frame):
                    self.engine.on_frame(answer)
                if self.csms.dropped:
                    self.csms.dropped = False
                    self.engine.on_disconnected()
                    return

    def run(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end_ms = self.clock.now_ms() + round(seconds * 1_000)
        while (due_ms := self.engine.next_deadline_ms) is not None and due_ms <= end_ms:
            self.clock.advance_to(max(due_ms, self.clock.now_ms()))
            self.engine.poll()
            self.flush()
        self.clock.advance_to(end_ms)

    def validate(self, value: str = "CARD") -> list[CoreReply]:
        """The core asks about a token; the list gets the answer once it comes."""
        replies: list[CoreReply] = []
        self.engine.validate(token(value), replies.append)
        self.flush()
        return replies

    def ask(self, action: str, payload: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """A CALL of the back office, and its reply."""
        self.engine.on_frame(self.csms.call(action, payload))
        self.flush()
        return self.csms.replies[-1]

    def meter(self, evse: int = 1, *, publish: bool = True) -> dict[str, Any]:
        """The meter's present reading; told to the engine unless `publish` is False."""
        value = {
            "timestamp": rfc3339(self.clock.utc()),
            "energy_Wh_import": {"total": self.wh},
            "power_W": {"total": 7360.0, "L1": 2453.4, "L2": 2453.3, "L3": 2453.3},
            "voltage_V": {"L1": 230.1, "L2": 229.9, "L3": 230.0},
            "current_A": {"L1": 10.67, "L2": 10.66, "L3": 10.67},
            "frequency_Hz": {"L1": 50.01},
        }
        if publish:
            self.engine.on_powermeter(evse, value)
        return value

    def event(self, name: str, evse: int = 1, uuid: str = "s-1", **payload: Any) -> int:
        """An event of the core; returns its sequence number."""
        self.seq += 1
        self.engine.on_session_event(
            evse,
            {"uuid": uuid, "event": name, "timestamp": rfc3339(self.clock.utc()), **payload},
            self.seq,
        )
        self.flush()
        return self.seq

    def plug_in(self, evse: int = 1, uuid: str = "s-1") -> None:
        started = {"reason": "EVConnected", "meter_value": self.meter(evse)}
        self.event("SessionStarted", evse, uuid, session_started=started)
        self.event("AuthRequired", evse, uuid)

    def start_transaction(
        self, evse: int = 1, uuid: str = "s-1", tag: str = "CARD", **token_fields: Any
    ) -> None:
        self.event("Authorized", evse, uuid)
        started = {"id_tag": token(tag, **token_fields), "meter_value": self.meter(evse)}
        self.event("TransactionStarted", evse, uuid, transaction_started=started)
        self.event("PrepareCharging", evse, uuid)
        charging = {"meter_value": self.meter(evse)}
        self.event("ChargingStarted", evse, uuid, charging_state_changed_event=charging)

    def stop_transaction(
        self, evse: int = 1, uuid: str = "s-1", reason: str = "EVDisconnected"
    ) -> None:
        self.event("StoppingCharging", evse, uuid)
        self.event("ChargingFinished", evse, uuid)
        finished = {"meter_value": self.meter(evse), "reason": reason}
        self.event("TransactionFinished", evse, uuid, transaction_finished=finished)

    def plug_out(self, evse: int = 1, uuid: str = "s-1") -> None:
        finished = {"meter_value": self.meter(evse)}
        self.event("SessionFinished", evse, uuid, session_finished=finished)

    def charge(self, seconds: int, power_w: float = 7_360.0) -> None:
        """Charge, with a meter reading every second (fewer over long times)."""
        step_s = max(1, seconds // 600)
        for _ in range(0, seconds, step_s):
            self.wh += power_w * step_s / 3_600
            self.run(step_s)
            self.meter()

    def session(self, uuid: str = "s-1", seconds: int = 300, evse: int = 1) -> None:
        """Plug in, charge, unplug."""
        self.plug_in(evse, uuid)
        self.start_transaction(evse, uuid)
        self.charge(seconds)
        self.stop_transaction(evse, uuid)
        self.plug_out(evse, uuid)


def token(value: str = "CARD", **more: Any) -> dict[str, Any]:
    """A ProvidedIdToken of an RFID card."""
    return {
        "id_token": {"value": value, "type": "ISO14443"},
        "authorization_type": "RFID",
        **more,
    }
