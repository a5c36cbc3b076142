"""The plant: the metal of one EVSE with its car, deterministic by seed and driven by events.

State changes only at `drive`, at commands and faults, and at the plant's own deadlines; between
them everything is constant and energy is a product. So an hour in which nothing happens costs
nothing, and a run does not depend on how often anybody looked: ticking and skipping give the
same trace. What ring 1 does not refresh keeps its last value: hardware PWM runs on unattended
(unless `pilot_gated`), the lock bridge keeps driving; only the coil falls, by ring 0's watchdog.
"""

from __future__ import annotations

from evse.board_faults import BoardFault, Wiring
from evse.model import X1_BP
from hil.errors import TimeRunsBack, UnknownFault
from hil.plant.faults import FAULTS
from hil.plant.metal import Metal
from hil.plant.model import (
    NEVER_MS,
    Driven,
    MeterTruth,
    PlantConfig,
    Sensed,
    Violation,
)
from hil.plant.pilot import scatter
from hil.plant.record import PlantRecord
from hil.plant.safety import SafetyWatch
from hil.trace import Trace


class Plant:
    """One EVSE's contactor, lock, sensors, mains and car.

    All times are whole milliseconds of one clock and never run back (TimeRunsBack). Commands
    that take no time (`car`, `set_fault`, `set_...`) act at `now_ms`, the last instant lived
    through: `advance` first.
    """

    def __init__(
        self,
        config: PlantConfig | None = None,
        *,
        seed: int,
        trace: Trace | None = None,
        evse: int = 1,
        start_ms: int = 0,
    ) -> None:
        self.config = config = config or PlantConfig()
        self.evse = evse
        self.trace = trace
        self.now_ms = start_ms
        self._record = PlantRecord(trace, evse)
        self._faults: set[str] = set()
        self._driven = Driven()
        self._supplied = config.coil_watchdog_ms is None
        self._watchdog_due_ms = NEVER_MS
        self._watch = SafetyWatch()
        self._metal = Metal(
            config,
            scatter(seed, 0, evse),
            start_ms,
            now=lambda: self.now_ms,
            changed=self._settle,
        )
        self.car = self._metal.car
        self._due_ms = NEVER_MS
        self._settle()

    @property
    def next_change_ms(self) -> int | None:
        """When anything that is sensed or metered next changes if nobody acts; None: never.

        Noise is not a change, and neither is energy that grows steadily.
        """
        due_ms = self._due_ms
        if self._driven.coil or self.config.pilot_gated:
            due_ms = min(due_ms, self._watchdog_due_ms)
        return None if due_ms == NEVER_MS else due_ms

    @property
    def energised(self) -> bool:
        """The power contacts are really closed, whatever the mirror says."""
        return self._metal.contactor.closed

    @property
    def locked(self) -> bool:
        """The bolt really holds the plug, whatever the end switches say."""
        return self._metal.lock.locked

    @property
    def lock_state(self) -> str:
        """`unlocked`, `moving` or `locked`; `none` where no lock is fitted."""
        return self._metal.lock.state if self.config.lock else "none"

    @property
    def phases(self) -> int:
        """Phases that are really connected behind the contactor: 1 or 3."""
        return self._metal.phase_contact.phases

    @property
    def board_faults(self) -> BoardFault:
        """What the board's own protections say."""
        return self._metal.board_faults

    @property
    def wiring(self) -> Wiring:
        """What the board finds wrong with its own wires."""
        return self._metal.wiring

    @property
    def pilot_mv(self) -> int:
        """Plateau of the positive half-wave at the station, without noise."""
        return self._metal.sensors.hi_mv

    @property
    def violations(self) -> list[Violation]:
        """What no station may do and this one did, oldest first."""
        return self._record.violations

    @property
    def current_a(self) -> float:
        """Largest phase current."""
        return self._metal.supply.current_ma / 1000

    @property
    def driven(self) -> Driven:
        """What ring 1 last output."""
        return self._driven

    @property
    def faults(self) -> frozenset[str]:
        """The active faults."""
        return frozenset(self._faults)

    def drive(self, driven: Driven, now_ms: int, *, feeds: bool = True) -> None:
        """Ring 1 outputs this from `now_ms` on; each call that `feeds` also refreshes the coil's
        watchdog."""
        self.advance(now_ms)
        if feeds and self.config.coil_watchdog_ms is not None:
            self._watchdog_due_ms = now_ms + self.config.coil_watchdog_ms
        if driven != self._driven or (feeds and not self._supplied):
            self._driven = driven
            self._supplied = self._supplied or feeds
            self._settle()

    def advance(self, now_ms: int) -> None:
        """Live through everything up to and including `now_ms`."""
        if now_ms < self.now_ms:
            raise TimeRunsBack(f"plant {self.evse} is at {self.now_ms} ms, not back at {now_ms} ms")
        while self._due_ms <= now_ms or self._watchdog_due_ms <= now_ms:
            self.now_ms = min(self._due_ms, self._watchdog_due_ms)
            self._fire(self.now_ms)
        self.now_ms = now_ms

    def sense(self, now_ms: int) -> Sensed:
        """What the sensors read at `now_ms`."""
        self.advance(now_ms)
        return self._metal.sensors.read(now_ms)

    def meter(self, now_ms: int) -> MeterTruth:
        """What an ideal meter shows at `now_ms`; see also hil.plant.faulty_meter."""
        self.advance(now_ms)
        return self._metal.supply.meter(now_ms)

    def violated(self, rule: str) -> None:
        """Note a rule that was broken where this plant does not see it: at its board."""
        self._record.violation(self.now_ms, rule, self._faults)

    def set_fault(self, name: str, active: bool = True) -> None:
        """Inject or heal one of FAULTS. Raises UnknownFault, and then changes nothing."""
        if name not in FAULTS:
            raise UnknownFault(f"fault {name!r}: the plant knows {', '.join(FAULTS)}")
        if active != (name in self._faults):
            self._faults ^= {name}
            self._record.fault(self.now_ms, name, active=active)
            self._settle()

    def set_board_fault(self, name: str, active: bool = True) -> None:
        """Raise or clear one of BoardFault or of Wiring, by name. Raises UnknownFault, and changes
        nothing."""
        if name not in BoardFault.__members__ and name not in Wiring.__members__:
            known = ", ".join([*BoardFault.__members__, *Wiring.__members__])
            raise UnknownFault(f"board fault {name!r}: the board knows {known}")
        metal = self._metal
        wires = name in Wiring.__members__
        standing = Wiring[name] in metal.wiring if wires else BoardFault[name] in metal.board_faults
        if active != standing:
            if wires:
                metal.wiring ^= Wiring[name]
            else:
                metal.board_faults ^= BoardFault[name]
            self._record.fault(self.now_ms, f"board_{name.lower()}", active=active)
            self._settle()

    def set_residual_ma(self, residual_ma: float) -> None:
        """Smooth DC residual current, whatever the contactor does."""
        self._metal.residual_ma = residual_ma
        self._settle()

    def set_temperature_dc(self, temperature_dc: int) -> None:
        """Temperature of the surroundings, tenths of a degree Celsius."""
        self._metal.thermal.set_ambient(temperature_dc)
        self._settle()

    def set_voltage_v(self, voltage_v: float, phase: int | None = None) -> None:
        """Mains voltage of one phase (1 to 3), or of all that are fitted."""
        self._metal.supply.set_voltage(round(voltage_v * 1000), phase)
        self._settle()

    def _fire(self, now_ms: int) -> None:
        if now_ms >= self._watchdog_due_ms:
            self._watchdog_due_ms = NEVER_MS
            self._supplied = False
        self._metal.fire(now_ms)
        self._settle()

    def _effective(self) -> Driven:
        """What arrives at the metal of what ring 1 drives."""
        driven = self._driven
        if self._supplied:
            return driven
        duty_bp = X1_BP if self.config.pilot_gated else driven.duty_bp
        return Driven(False, duty_bp, driven.lock, driven.rcd_test, driven.phases)

    def _settle(self) -> None:
        """Let the metal come to rest in this instant, judge it, and note what changed."""
        now_ms, metal, driven = self.now_ms, self._metal, self._effective()
        metal.settle(now_ms, driven, self._faults)
        for rule in self._watch.look(now_ms, metal.truth(driven.duty_bp, self._faults)):
            self._record.violation(now_ms, rule, self._faults)
        self._record.levels(
            now_ms,
            hi_mv=metal.sensors.hi_mv,
            duty_bp=driven.duty_bp,
            closed=metal.contactor.closed,
            lock=metal.lock.state if self.config.lock else None,
            current_ma=metal.supply.current_ma,
        )
        self._due_ms = min(self._watch.due_ms, metal.due_ms)
