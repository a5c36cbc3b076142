"""The OCPP link of a simulated station, and its back office, in virtual time.

The product's own engine runs at the core's door (sim/core_port.py) and talks to an `InlineCsms`
over a wire with latency. What can happen to the real process can happen here: its core dies and
comes back, the network goes, the back office drops the connection, it is killed itself and starts
again on the same database.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evse.clock import earliest
from hil.csms.brain import CsmsBrain, InlineCsms, OnReply
from hil.sim.link_process import SimLinkProcess
from hil.sim.simulation import Simulation
from hil.sim.wire import DelayLine
from hil.trace import Lane
from ocpp_link.charge_point import ChargePoint
from ocpp_link.device.settings import Settings
from ocpp_link.wire.reconnect import Backoff, BackoffSettings

TO_CSMS = "→"
TO_STATION = "←"


class SimOcpp(SimLinkProcess):
    """A Part of `sim`: constructing it starts the link. The configuration needs `[ocpp]`.

    `latency_ms` is one way on the network, and may be changed at any time. `csms.brain` holds the
    bill.
    """

    def __init__(
        self,
        sim: Simulation,
        brain: CsmsBrain | None = None,
        *,
        latency_ms: int = 10,
        disk_ms: int = 0,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(sim, disk_ms=disk_ms, settings=settings)
        self.csms = InlineCsms(brain or CsmsBrain(sim.clock))
        self.latency_ms = latency_ms
        self._attempts = 0
        self._network = True
        self._up_since_ms: int | None = None
        self._to_csms = DelayLine()
        self._to_station = DelayLine()
        self.start()

    def _wire_begins(self, _engine: ChargePoint) -> None:
        self._backoff = Backoff(BackoffSettings(), self.random.random)
        self._wanted = True
        self._dial_ms: int | None = self.sim.now_ms

    def _wire_dies(self) -> None:
        self._hang_up()

    # --- the network ------------------------------------------------------------------------------

    @property
    def attempts(self) -> int:
        return self._attempts

    @property
    def connected(self) -> bool:
        return self._up_since_ms is not None

    @property
    def wanted(self) -> bool:
        return self._wanted

    def cut_network(self) -> None:
        """Both ends notice at once; the station tries again, ever more seldom."""
        self._network = False
        if self.connected:
            self._dropped(self.sim.now_ms)

    def mend_network(self) -> None:
        """The station finds out at its next attempt."""
        self._network = True

    def disconnect(self) -> None:
        """`ocpp.disconnect`: sticky, until `connect`."""
        self._wanted = False
        if self.connected:
            self._dropped(self.sim.now_ms)

    def connect(self) -> None:
        """`ocpp.connect`: at once."""
        self._wanted = True
        if not self.connected:
            self._dial_ms = self.sim.now_ms

    # --- the back office --------------------------------------------------------------------------

    def call(self, action: str, payload: dict[str, Any], on_reply: OnReply | None = None) -> None:
        """A CALL to the station. Raises ConnectionError where it is not connected."""
        if not self.connected:
            raise ConnectionError(f"{action}: the station is not connected")
        frame = self.csms.call(action, payload, on_reply)
        self._note(TO_STATION, frame)
        self._to_station.put(self.sim.now_ms + self.latency_ms, frame)

    def ask(
        self, action: str, payload: dict[str, Any], *, within_ms: int = 60_000
    ) -> tuple[str, dict[str, Any]]:
        """A CALL and its reply: (`result`, payload) or (error code, {}). Lets time pass."""
        found: list[tuple[str, dict[str, Any]]] = []
        self.call(action, payload, lambda status, body: found.append((status, body)))
        self.sim.run_until(lambda: bool(found), within_ms=within_ms)
        return found[0]

    # --- the wire ---------------------------------------------------------------------------------

    def _wire_deadline_ms(self) -> int | None:
        dial_ms = self._dial_ms if self._wanted else None
        return earliest(dial_ms, self._to_csms.next_ms, self._to_station.next_ms)

    def _wire_turn(self, engine: ChargePoint, now_ms: int) -> bool:
        acted = False
        if self._wanted and self._dial_ms is not None and now_ms >= self._dial_ms:
            self._dial(engine, now_ms)
            acted = True
        for frame in self._to_station.take(now_ms):
            engine.on_frame(frame)
            acted = True
        for frame in engine.take_frames():
            self._note(TO_CSMS, frame)
            self._to_csms.put(now_ms + self.latency_ms, frame)
        for frame in self._to_csms.take(now_ms):
            self._at_csms(frame, now_ms)
            acted = True
        return acted

    def _at_csms(self, frame: str, now_ms: int) -> None:
        for answer in self.csms.receive(frame):
            self._to_station.put(now_ms + self.latency_ms, answer)
        if self.csms.dropped:
            self.csms.dropped = False
            self._dropped(now_ms)

    def _dial(self, engine: ChargePoint, now_ms: int) -> None:
        self._attempts += 1
        if not self._network:
            self._dial_ms = now_ms + round(self._backoff.wait_s() * 1000)
            return
        self._dial_ms = None
        self._up_since_ms = now_ms
        self.door.connection_changed(True)
        engine.on_connected()

    def _dropped(self, now_ms: int) -> None:
        """The connection went under a living process."""
        if self._up_since_ms is not None:
            self._backoff.survived(now_ms - self._up_since_ms)
        self._hang_up()
        self._dial_ms = now_ms + round(self._backoff.wait_s() * 1000)
        self.door.connection_changed(False)
        if self.engine is not None:
            self.engine.on_disconnected()

    def _hang_up(self) -> None:
        self._up_since_ms = None
        self._to_csms.clear()
        self._to_station.clear()

    def _note(self, direction: str, frame: str) -> None:
        """CALLs go into the trace; their answers do not."""
        parts = msgspec.json.decode(frame)
        if parts[0] == 2:
            evse = self._evse_of(parts[3])
            name = f"{direction} {parts[2]}"
            self.sim.trace.record(self.sim.now_ms, evse, Lane.MESSAGE, name)

    def _evse_of(self, payload: dict[str, Any]) -> int:
        """The EVSE that a message is about; the first, where it is about the station."""
        line = self.csms.brain.bill.get(payload.get("transactionId", -1))
        evse = int(payload.get("connectorId", line.connector if line else 1))
        return evse if evse in self.sim.plants else 1
