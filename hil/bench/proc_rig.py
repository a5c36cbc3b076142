"""A station of real processes under test: its supervisor, its doors, and all that was heard there.

The bench's instruments are the plant's own door and the trace that the plant tells, stamped with
the monotonic clock that all processes of one machine share.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import Any

import msgspec

from evse.clock import MonotonicClock
from evse.types.session import SessionEvent
from hil.bench.bench import Heard
from hil.bench.door import BenchDoor
from hil.bench.proc_child import StationChild
from hil.bench.station import StationSetup
from hil.errors import BenchRefused, BenchTimeout
from hil.trace import Entry, Lane, Trace

START_S = 30.0
"""From exec to a station that waits for a car, on a machine that is busy with other things."""
ANSWER_S = 15.0
POLL_S = 0.01
RECONNECT_S = 0.03
SESSION_EVENT = "evse_manager.session_event"


class ProcRig:
    """One station in a private state directory, which ends with this process, however that ends.
    Single-threaded: time passes in `pump`."""

    def __init__(self, setup: StationSetup, *, ocpp_url: str = "") -> None:
        """Starts it. Raises BenchTimeout when it is not ready within START_S."""
        self.config = setup.config()
        self.clock = MonotonicClock()
        self.trace = Trace()
        self.heard: list[Heard] = []
        self.core: BenchDoor | None = None
        self.held: set[str] = set()
        """Units that were killed and not started again."""
        self._next_try_s = 0.0
        self.child = StationChild(setup.toml(ocpp_url=ocpp_url))
        self.run_dir = self.child.run_dir
        self.child.start()
        try:
            self.plant, self.supervisor = self._doors()
            self.wait_for_core()
        except BaseException:  # also Ctrl-C: no station is left behind
            self.close()
            raise

    # --- start and end ----------------------------------------------------------------------------

    def start_again(self) -> None:
        """After the whole station ended: the same state directory, a new plant."""
        self._let_go()
        self.child.start()
        self.trace = Trace()
        self.plant, self.supervisor = self._doors()
        self.wait_for_core()

    def close(self) -> None:
        """End the station, tell what it logged, remove its directory."""
        self._let_go()
        self.child.close()

    def _doors(self) -> tuple[BenchDoor, BenchDoor]:
        give_up_s = time.monotonic() + START_S
        while time.monotonic() < give_up_s and self.child.running:
            with contextlib.suppress(OSError):
                plant = BenchDoor(self.run_dir / "plant.sock")
                plant.on_notification = self._told_by_plant
                self._note(plant.call("subscribe", {"variable": "sim.trace"}, within_s=ANSWER_S))
                return plant, BenchDoor(self.run_dir / "supervisor.sock")
            time.sleep(POLL_S)  # there is no door yet that could tell
        raise BenchTimeout(f"no station: {self.child.log()}")

    def wait_for_core(self) -> None:
        """Until the core's door is open and its sessions have begun. Raises BenchTimeout."""
        give_up_s = time.monotonic() + START_S
        while time.monotonic() < give_up_s:
            self.pump(POLL_S)
            if self.core is not None and "booting" not in self.states().values():
                return
        raise BenchTimeout(f"no core: {self.child.log()}")

    def _let_go(self) -> None:
        for name in ("plant", "supervisor", "core"):
            door: BenchDoor | None = getattr(self, name, None)
            if door is not None:
                door.close()
        self.core = None

    # --- time and what is heard in it -------------------------------------------------------------

    def pump(self, within_s: float) -> None:
        """Wait until something is heard, at most so long, and take it."""
        self._reach_core()
        doors = [door for door in (self.plant, self.core) if door is not None]
        readable, _, _ = select.select(doors, (), (), within_s)
        for door in readable:
            if door is self.core:
                with self.asking_core():
                    door.hear()
            else:
                door.hear()

    @contextlib.contextmanager
    def asking_core(self) -> Any:
        """A core that goes away meanwhile is noticed, and no error."""
        try:
            yield
        except ConnectionError:
            self.lose_core()

    def lose_core(self) -> None:
        if self.core is not None:
            self.core.close()
            self.core = None

    def _reach_core(self) -> None:
        if self.core is not None or "core" in self.held or time.monotonic() < self._next_try_s:
            return
        self._next_try_s = time.monotonic() + RECONNECT_S
        with contextlib.suppress(OSError):
            door = BenchDoor(self.run_dir / "door.sock")
            door.on_notification = self._told_by_core
            self.core = door
            last_seq = self.heard[-1].seq if self.heard else 0
            with self.asking_core():
                params = {"variable": SESSION_EVENT, "from_seq": last_seq + 1}
                door.call("subscribe", params, within_s=ANSWER_S)

    def _told_by_core(self, variable: str, params: dict[str, Any]) -> None:
        if variable == SESSION_EVENT:
            event = msgspec.convert(params["value"], SessionEvent)
            now_ms = self.clock.now_ms()
            self.heard.append(Heard(params["seq"], params["evse"], now_ms, event))
            self.trace.record(now_ms, params["evse"], Lane.MESSAGE, event.event.value)

    def _told_by_plant(self, _variable: str, params: dict[str, Any]) -> None:
        self._record(params["value"])

    def _note(self, subscribed: dict[str, Any]) -> None:
        for entry in subscribed["value"]:
            self._record(entry)

    def _record(self, raw: Any) -> None:
        entry = msgspec.convert(raw, Entry)
        self.trace.record(entry.t_ms, entry.evse, entry.lane, entry.value)

    # --- questions and acts -----------------------------------------------------------------------

    def ask_plant(self, method: str, **params: Any) -> Any:
        """All that the trace had to tell before has been heard when this returns."""
        return self.plant.call(method, params, within_s=ANSWER_S)

    def ask_core(self, method: str, params: dict[str, Any], *, within_s: float = ANSWER_S) -> Any:
        """Raises BenchRefused when there is no core, or none any more."""
        self.pump(0.0)
        if self.core is None:
            raise BenchRefused(f"{method}: there is no core to ask")
        try:
            return self.core.call(method, params, within_s=within_s)
        except ConnectionError as error:
            self.lose_core()
            raise BenchRefused(f"{method}: {error}") from error

    def hear_all(self) -> None:
        """What has happened is on disk soon, and told then: wait for it. Without a core there is
        nothing to wait for. Raises BenchTimeout."""
        try:
            last_seq = self.ask_core("sys.state", {})["journal"]["last_seq"]
        except BenchRefused:
            return
        give_up_s = time.monotonic() + ANSWER_S
        while self.core is not None and (self.heard[-1].seq if self.heard else 0) < last_seq:
            if time.monotonic() > give_up_s:
                raise BenchTimeout(f"event {last_seq} was not told within {ANSWER_S} s")
            self.pump(POLL_S)

    def states(self) -> dict[int, str]:
        """Each session's state by name; `no core` while there is none."""
        try:
            found = self.ask_core("sys.state", {})["evses"]
        except BenchRefused:
            return {table.id: "no core" for table in self.config.evses}
        states = {row["evse"]: str(row["state"]) for row in found}
        for evse, state in states.items():
            self.trace.record(self.clock.now_ms(), evse, Lane.STATE, state)
        return states

    def processes(self) -> dict[str, dict[str, Any]]:
        """What the supervisor says of each unit."""
        rows = self.supervisor.call("supervisor.processes", within_s=ANSWER_S)
        return {row["name"]: row for row in rows}

    def signal(self, name: str, number: signal.Signals) -> None:
        """To the process of a unit. Raises BenchRefused when it does not run."""
        row = self.processes().get(name)
        if row is None or row["pid"] is None:
            raise BenchRefused(f"no process {name} runs")
        os.kill(row["pid"], number)

    def power_off(self, *names: str) -> None:
        """Kill units and keep them off; without names the whole station, coils included."""
        params = {"processes": names} if names else {}
        self.supervisor.call("sim.power_off", params, within_s=ANSWER_S)
        self.held |= set(names or self._computer())
        if "core" in self.held:
            self.lose_core()

    def power_on(self, *names: str) -> None:
        """Start what `power_off` killed; a core is waited for."""
        params = {"processes": names} if names else {}
        self.supervisor.call("sim.power_on", params, within_s=ANSWER_S)
        self.held -= set(names or self._computer())
        if "core" not in self.held:
            self.wait_for_core()

    def _computer(self) -> set[str]:
        return {name for name in self.processes() if not name.startswith(("plant", "meter"))}


def read_journal(rig: ProcRig) -> list[Heard]:
    """All session events from the first number on, fetched over a connection of its own."""
    last_seq = rig.ask_core("sys.state", {})["journal"]["durable_seq"]
    found: list[Heard] = []

    def take(_variable: str, params: dict[str, Any]) -> None:
        event = msgspec.convert(params["value"], SessionEvent)
        found.append(Heard(params["seq"], params["evse"], rig.clock.now_ms(), event))

    door = BenchDoor(rig.run_dir / "door.sock")
    try:
        door.on_notification = take
        door.call("subscribe", {"variable": SESSION_EVENT, "from_seq": 1}, within_s=ANSWER_S)
        give_up_s = time.monotonic() + ANSWER_S
        while len(found) < last_seq and time.monotonic() < give_up_s:
            select.select([door], (), (), POLL_S)
            door.hear()
    finally:
        door.close()
    return found[:last_seq]
