"""A whole station in one process and in virtual time: plant, guard, link, core, meters, links.

Event-driven: time jumps from one deadline to the next, and ring 1 runs on its 10 ms grid only
where something may change. With `frames=True` every period is lived through and every byte of
the link is real; a test shows that the trace is the same. The same seed gives the same trace to
the byte.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from evse.clock import VirtualClock, earliest
from evse.config.load import guard_config_crc
from evse.config.station import StationConfig
from evse.guard.host import PERIOD_MS, GuardHost
from hil.plant.plant import Plant
from hil.plant.virtual_board import plant_config
from hil.sim.analog import ANALOG_MS, SimAnalog
from hil.sim.board import SimBoard, VirtualSimBoard
from hil.sim.direct import DirectLink
from hil.sim.link import FrameLink, SimLink, next_tick
from hil.sim.meter import SimMeters
from hil.sim.station import LocalPeer, SimStation, new_database
from hil.trace import Lane, Trace

if TYPE_CHECKING:
    from hil.sim.signer import SimSigner

START_MS = 1_000_000
COIL_WATCHDOG_MS = 200
"""Ring 0's monostable: so long after ring 1 last drove its outputs, the coil drops."""


class Part(Protocol):
    """Something that lives in the simulation beside the station: an OCPP link, a CSMS."""

    @property
    def next_deadline_ms(self) -> int | None: ...
    def poll(self, now_ms: int) -> None: ...


class Simulation:
    """Runs a station; `run_for` and `run_until` let time pass."""

    def __init__(
        self,
        config: StationConfig,
        *,
        seed: int = 1,
        frames: bool = False,
        analog_ms: int = ANALOG_MS,
        native: bool = False,
    ) -> None:
        self.config = config
        self.seed = seed
        self.clock = VirtualClock(START_MS)
        self.trace = Trace()
        self.said: list[str] = []
        self._rng = random.Random(seed)
        self._frames = frames
        watchdog_ms = COIL_WATCHDOG_MS if frames else None
        self.plants = {
            t.id: Plant(
                plant_config(t, coil_watchdog_ms=watchdog_ms),
                seed=seed,
                trace=self.trace,
                evse=t.id,
                start_ms=START_MS,
            )
            for t in config.evses
        }
        self.board = self._make_board(native)
        self.link: SimLink = (
            FrameLink(len(config.evses), guard_config_crc(config), itertools.count(1).__next__)
            if frames
            else DirectLink()
        )
        self.database = new_database(self.clock, self.said.append)
        self.boot = 1
        self.guard: GuardHost | None = None
        self.station: SimStation | None = None
        self.meters: SimMeters | None = None
        self.analog = SimAnalog(self.plants, START_MS, analog_ms)
        self.signer: SimSigner | None = None
        if any(table.meter.signed for table in config.evses):
            from hil.sim.signer import SimSigner  # and with it cryptography, for these alone

            self.signer = SimSigner(config, self.plants, self.clock)
        self.parts: list[Part] = []
        self.on_core: list[Callable[[SimStation], None]] = []
        self._last_tick_ms = START_MS
        self._dirty = True
        self._acting = False
        """Inside an action of `at`: ring 1's period at this instant is still to come."""
        self._watchdog_due_ms = START_MS
        self._guard_from_ms = START_MS
        """The last period before this run of ring 1."""
        self._core_due_ms: int | None = None
        self._settled = True
        """The core took an input since its wishes were last fetched."""
        self._actions: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.turns = 0
        self.start_guard()
        self.start_core()

    def _make_board(self, native: bool) -> SimBoard:
        if not native:
            return VirtualSimBoard(self.config, self.plants)
        # It brings gpiozero with it, which a demonstration does without.
        from hil.sim.native import NativeSimBoard

        return NativeSimBoard(self.config, self.plants, self.clock.now_ms)

    # --- processes --------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        return self.clock.now_ms()

    @property
    def _lived_ms(self) -> int:
        """The last period of ring 1 that has been."""
        last_ms = self.now_ms - (1 if self._acting else 0)
        return last_ms - last_ms % PERIOD_MS

    def start_guard(self) -> None:
        """Ring 1 begins anew, as after a restart of its process."""
        self.guard = self.board.start()
        self.link.lived_through(self._lived_ms)
        self.link.board(self.guard, self.board.identity(self._rng.getrandbits(32)))
        self._guard_from_ms = self._lived_ms
        self._dirty = True

    def kill_guard(self) -> None:
        """Ring 1 is gone; ring 0's watchdog drops the coils after its time. Killing what is
        dead already, or what has not lived for a period, does not feed it."""
        if self.guard is None:
            return
        self.guard = None
        self.board.died()
        self.link.lived_through(self._lived_ms)
        self.link.board(None, self.board.identity(0))
        if not self._frames and self._lived_ms > self._guard_from_ms:
            self._watchdog_due_ms = self._lived_ms + COIL_WATCHDOG_MS
            self.at(self._watchdog_due_ms, self._coil_watchdog)

    def _coil_watchdog(self) -> None:
        """Ring 0's, where the plants have none of their own: of all outputs, the coil alone."""
        fed = self.guard is not None and self._lived_ms > self._guard_from_ms
        if fed or self.now_ms != self._watchdog_due_ms:
            return
        for plant in self.plants.values():
            plant.drive(msgspec.structs.replace(plant.driven, coil=False), self.now_ms)

    def start_core(self) -> None:
        self.station = SimStation(
            self.config,
            clock=self.clock,
            link=self.link,
            meters=self,
            database=self.database,
            rng=self._rng,
            boot_id=f"boot {self.boot}",
            say=self.said.append,
            signer=self.signer,
        )
        core = self.station.core
        if self.signer is not None:
            self.signer.attach(core)
        self.meters = SimMeters(
            self.config,
            self.plants,
            now_ms=self.now_ms,
            on_reading=self.station.on_reading,
            on_lost=core.on_meter_lost,
            on_findings=core.on_findings,
        )
        for evse, session in core.sessions.items():
            if session.record.meter is not None:
                known_wh = session.record.meter.energy_Wh_import.total
                self.meters.desk.expect(evse, known_wh, session.unseen_ms)
        journal_durable = core.journal.on_durable

        def durable(record: Any) -> None:
            self._note_event(record.evse, record.body)
            journal_durable(record)

        core.journal.on_durable = durable
        core.on_settled = self._on_settled
        self._on_settled()
        self.link.lived_through(self._lived_ms)
        self.link.attach(core, self.now_ms)
        for hook in self.on_core:
            hook(self.station)

    def kill_core(self) -> None:
        """The core is gone at once: no farewell, and what was not on disk is lost."""
        if self.station is None:
            return
        self.station = None
        self.meters = None
        if self.signer is not None:
            self.signer.attach(None)
        self.link.lived_through(self._lived_ms)
        self.link.attach(None, self.now_ms)

    def cut_link(self, cut: bool) -> None:
        """The cable between core and ring 1 is cut, or mended."""
        self.link.lived_through(self._lived_ms)
        self.link.cut(cut)

    def read_now(self, evse: int) -> None:
        """The core's MeterPort."""
        if self.meters is not None:
            self.meters.read_now(evse, self.now_ms)

    def accept(self, evse: int) -> bool:
        """The core's MeterPort."""
        return self.meters is not None and self.meters.desk.accept(evse)

    # --- time -------------------------------------------------------------------------------------

    def at(self, at_ms: int, action: Callable[[], None]) -> None:
        """Do `action` at `at_ms`."""
        heapq.heappush(self._actions, (at_ms, next(self._order), action))

    def run_for(self, span_ms: int) -> None:
        self.run_to(self.now_ms + span_ms)

    def run_to(self, end_ms: int) -> None:
        while (at_ms := self._next_ms(end_ms)) <= end_ms:
            self._turn(at_ms)
            if at_ms == end_ms:
                break
        if self.now_ms < end_ms:
            self._turn(end_ms)

    def step(self, limit_ms: int) -> None:
        """Go to the next moment at which something happens, `limit_ms` at the latest; it is now
        where the core was told something since the last one."""
        told = self._settled and self.station is not None
        self._turn(self.now_ms if told else min(self._next_ms(limit_ms), limit_ms))

    def run_until(self, condition: Callable[[], bool], *, within_ms: int) -> int:
        """Run until `condition` holds; returns how long it took. Raises TimeoutError."""
        begin_ms = self.now_ms
        end_ms = begin_ms + within_ms
        self.wake()
        while not condition():
            if self.now_ms >= end_ms:
                raise TimeoutError(f"not so within {within_ms} ms (seed {self.seed})")
            self._turn(min(self._next_ms(end_ms), end_ms))
        return self.now_ms - begin_ms

    def wake(self) -> None:
        """Something outside was changed by hand: ring 1 looks at it in the next period, since
        the one at this instant, if it is one, has been."""
        self._dirty = True
        self._last_tick_ms = max(self._last_tick_ms, self.now_ms - self.now_ms % PERIOD_MS)

    def _next_ms(self, end_ms: int) -> int:
        self._core_due_ms = self.station.core.next_deadline_ms if self.station else None
        found = earliest(
            end_ms,
            self._actions[0][0] if self._actions else None,
            self._tick_ms(),
            self._core_due_ms,
            self.analog.next_deadline_ms,
            self.meters.next_deadline_ms if self.meters else None,
            self.signer.next_deadline_ms if self.signer else None,
            *(part.next_deadline_ms for part in self.parts),
        )
        return max(self.now_ms, end_ms if found is None else found)

    def _tick_ms(self) -> int | None:
        now_ms = self.clock.now_ms()
        due_ms = now_ms if self._dirty else self.link.due_ms(now_ms)
        for plant in self.plants.values():
            change_ms = plant.next_change_ms
            if change_ms is not None and (due_ms is None or change_ms < due_ms):
                due_ms = change_ms
        return None if due_ms is None else next_tick(due_ms, self._last_tick_ms)

    def _turn(self, at_ms: int) -> None:
        self.turns += 1
        self.clock.advance_to(at_ms)
        for plant in self.plants.values():
            changes_ms = plant.next_change_ms
            self._dirty |= changes_ms is not None and changes_ms <= at_ms
            plant.advance(at_ms)
        self._acting = True
        while self._actions and self._actions[0][0] <= at_ms:
            heapq.heappop(self._actions)[2]()
            self._dirty = True
        self._acting = False
        core_due_ms = self._core_due_ms
        if self.station is not None and core_due_ms is not None and at_ms >= core_due_ms:
            self.station.core.poll()
        if self.meters is not None:
            self.meters.poll(at_ms)
        if self.signer is not None:
            self.signer.poll(at_ms)
        core = self.station.core if self.station else None
        self.analog.poll(core, at_ms, alive=self.guard is not None)
        for part in self.parts:
            part.poll(at_ms)
        self._send_wish()
        tick_ms = self._tick_ms() if at_ms % PERIOD_MS == 0 else None
        if tick_ms is not None and tick_ms <= at_ms:
            self._last_tick_ms = at_ms
            self._dirty = False
            self.link.tick(at_ms)
            self._send_wish()
        self._note_states()

    def _send_wish(self) -> None:
        if self.station is not None and (self._settled or self._frames):
            self._settled = False
            self.link.wish(self.station.core.wishes(), self.now_ms)

    def _on_settled(self) -> None:
        self._settled = True

    # --- trace ------------------------------------------------------------------------------------

    def _note_states(self) -> None:
        for evse in self.plants:
            session = self.station.core.sessions[evse] if self.station else None
            state = session.state if session else "no core"
            self.trace.record(self.now_ms, evse, Lane.STATE, state)

    def _note_event(self, evse: int, body: bytes) -> None:
        event = msgspec.json.decode(body)["event"]
        self.trace.record(self.now_ms, evse, Lane.MESSAGE, event)

    def peer(self) -> LocalPeer:
        """A new peer at the core's door."""
        assert self.station is not None, "the core is not running"
        return LocalPeer(self.station.hub)
