"""The OCPP process of a simulated station: the product's engine on a database that outlives it.

How its frames reach a back office is its subclass's: sim/ocpp.py carries them in memory,
sim/socket_ocpp.py over a real WebSocket.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import msgspec

from evse.clock import earliest
from evse.door.hub import Reply
from evse.run.ocpp import link_config
from hil.sim.core_port import LocalCore
from hil.sim.simulation import Simulation
from hil.sim.station import SimStation
from hil.sim.system import SimSystem
from ocpp_link.charge_point import ChargePoint
from ocpp_link.config import LinkConfig
from ocpp_link.core_client import RETRY_S
from ocpp_link.device.settings import Settings
from ocpp_link.dialects import Dialects
from ocpp_link.door.control import engine_state
from ocpp_link.door.door import LinkDoor
from ocpp_link.files.ports import Files
from ocpp_link.memory.database import Database
from ocpp_link.memory.store import InlineStore


class SimLinkProcess(ABC):
    """A Part of `sim`. The configuration needs `[ocpp]`; `start` begins it.

    `disk_ms` is how long the link's disk takes for a write, and may be changed at any time.
    """

    def __init__(
        self, sim: Simulation, *, disk_ms: int = 0, settings: Settings | None = None
    ) -> None:
        self.sim = sim
        self.database = Database(":memory:")
        self._store = InlineStore(self.database, latency_ms=disk_ms)
        self.config = _without_files(link_config(sim.config, state_dir=Path(), door=Path()))
        self.settings = settings or self.config.settings
        self.random = random.Random(sim.seed)
        self._message_ids = 0
        self.engine: ChargePoint | None = None
        sim.parts.append(self)

    @property
    def disk_ms(self) -> int:
        return self._store.latency_ms

    @disk_ms.setter
    def disk_ms(self, latency_ms: int) -> None:
        self._store.latency_ms = latency_ms

    # --- the process ------------------------------------------------------------------------------

    def start(self) -> None:
        """The process begins, on what its database holds. What runs goes on."""
        if self.engine is not None:
            return
        self.core = LocalCore(self._serve)
        self._store = InlineStore(self.database, latency_ms=self.disk_ms)
        self.engine = ChargePoint(
            self.config.station,
            core=self.core,
            store=self._store,
            clock=self.sim.clock,
            dialects=Dialects(self.config.versions),
            new_id=self._new_id,
            defaults=self.settings,
            system=SimSystem(self.sim, self),
            files=self._files(),
            security=self.config.secured,
            pricing=self.config.pricing,
        )
        self.door = LinkDoor(self.engine, _Control(self), self.core, self._store.load())
        self.door.connection_changed(False)
        self._attach_ms: int | None = self.sim.now_ms
        self._attached_to: SimStation | None = None
        self._wire_begins(self.engine)

    def kill(self) -> None:
        """Kill -9: what its disk had not finished is lost, and so is what was on the wire."""
        if self.engine is None:
            return
        self.core.leave()
        self._wire_dies()
        self.engine = None

    def _files(self) -> Files | None:
        """What the process may do with files; None: nothing."""
        return None

    # --- the wire ---------------------------------------------------------------------------------

    @property
    @abstractmethod
    def attempts(self) -> int:
        """To connect."""

    @property
    @abstractmethod
    def connected(self) -> bool: ...

    @property
    @abstractmethod
    def wanted(self) -> bool:
        """Nobody told it to stay away."""

    @abstractmethod
    def connect(self) -> None:
        """`ocpp.connect`: at once."""

    @abstractmethod
    def disconnect(self) -> None:
        """`ocpp.disconnect`: sticky, until `connect`."""

    @abstractmethod
    def _wire_begins(self, engine: ChargePoint) -> None:
        """The process has begun."""

    @abstractmethod
    def _wire_dies(self) -> None:
        """The process was killed; nothing that it had said arrives any more."""

    @abstractmethod
    def _wire_deadline_ms(self) -> int | None: ...

    @abstractmethod
    def _wire_turn(self, engine: ChargePoint, now_ms: int) -> bool:
        """Carry frames; True where that may have caused more to do."""

    # --- Part -------------------------------------------------------------------------------------

    @property
    def next_deadline_ms(self) -> int | None:
        if self.engine is None:
            return None
        core_went = self._attached_to is not None and self.sim.station is not self._attached_to
        return earliest(
            self.sim.now_ms if self.core.waiting or core_went else None,
            self._attach_ms if self.sim.station is not None else None,
            self._wire_deadline_ms(),
            self.engine.next_deadline_ms,
        )

    def poll(self, now_ms: int) -> None:
        """Carry on until nothing more happens at this instant."""
        engine = self.engine
        if engine is None:
            return
        self._store.poll(now_ms)
        self._follow_core(engine, now_ms)
        while self.engine is engine and self._step(engine, now_ms):
            pass

    def _step(self, engine: ChargePoint, now_ms: int) -> bool:
        acted = self.core.deliver()
        due_ms = engine.next_deadline_ms
        if due_ms is not None and due_ms <= now_ms:
            engine.poll()
        return self._wire_turn(engine, now_ms) or acted

    # --- inside -----------------------------------------------------------------------------------

    def _follow_core(self, engine: ChargePoint, now_ms: int) -> None:
        station = self.sim.station
        if self._attached_to is not None and station is not self._attached_to:
            self._attached_to = None
            self._attach_ms = now_ms + round(RETRY_S * 1000)
            self.core.lost(engine)
        if station is not None and self._attach_ms is not None and now_ms >= self._attach_ms:
            self._attach_ms = None
            self._attached_to = station
            self.core.attach(station, engine)

    def _serve(self, method: str, params: dict[str, Any], reply: Reply) -> None:
        """A call that the core hands on. Raises RpcError."""
        self.door.call(method, params, reply)

    def _new_id(self) -> str:
        self._message_ids += 1
        return f"{self.sim.config.station.identity[:20]}-{self._message_ids}"


class _Control:
    """See ocpp_link.door.methods.Control."""

    def __init__(self, process: SimLinkProcess) -> None:
        self._process = process

    def stop(self) -> bool:
        was_wanted = self._process.wanted
        self._process.disconnect()
        return was_wanted

    def restart(self) -> bool:
        was_wanted = self._process.wanted
        self._process.connect()
        return not was_wanted

    def state(self) -> dict[str, Any]:
        process = self._process
        engine = {} if process.engine is None else engine_state(process.engine)
        return {"is_connected": process.connected, "attempts": process.attempts, **engine}


def _without_files(config: LinkConfig) -> LinkConfig:
    """Certificates, keys and the security log are for those who give it a directory."""
    nowhere = msgspec.structs.replace(config.security, directory=None, log=None)
    return msgspec.structs.replace(config, security=nowhere)
