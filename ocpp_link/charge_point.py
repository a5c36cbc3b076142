"""The engine: a charge point of any OCPP version, sans-I/O, synchronous, in one thread.

It takes what the core tells, what the peer sends and the passing of time, and produces frames
and calls to the core. It decides nothing about charging: it reports what happened and passes on
what the back office wants. Nothing here blocks, and nothing raises for what a peer sends.

Owner's duty: feed it; after each feeding write `take_frames()`, and call `poll` at
`next_deadline_ms`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Protocol

from evse.clock import Clock, earliest
from ocpp_link.core_side import CoreSide
from ocpp_link.device.settings import Settings
from ocpp_link.files.ports import Files
from ocpp_link.ports import BootReason, CorePort, Dialect, StationInfo, Store, SystemPort
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.security.config import SecurityConfig


class ServingDialect(Dialect, Protocol):
    """A dialect that also turns incoming CALLs into acts of the engine."""

    def handle(self, call: IncomingCall, engine: ChargePoint) -> None:
        """Answer one CALL whose payload is valid."""


class DialectSource(Protocol):
    """The versions of OCPP that a station speaks."""

    subprotocols: tuple[str, ...]
    """In order of preference; at least one."""

    def speak(self, subprotocol: str) -> ServingDialect: ...


class ChargePoint(CoreSide):
    """One station's link to its back office.

    Which of the `dialects` is spoken, each connection decides. `new_id`
    gives a fresh message id (≤ 36 characters) at each call. What `store` kept is loaded here.
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
        super().__init__(
            info,
            core=core,
            store=store,
            clock=clock,
            dialect=self._dialect,
            on_call=lambda call: self._dialect.handle(call, self),
            new_id=new_id,
            defaults=defaults,
            boot_reason=boot_reason,
            system=system,
            files=files,
            security=security,
            pricing=pricing,
        )

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

    def _on_timer(self, name: Hashable) -> None:
        if isinstance(name, tuple):
            self.station.on_timer[name[0]](*name[1:])

    def _now_ms(self) -> int:
        return self.station.clock.now_ms()
