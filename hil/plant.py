"""The plant: the metal of one EVSE with its car, deterministic by seed and driven by events.

State changes only at `drive`, at commands and faults, and at the plant's own deadlines; between
them everything is constant and energy is a product. So an hour in which nothing happens costs
nothing, and a run does not depend on how often anybody looked: ticking and skipping give the
same trace. What ring 1 does not refresh keeps its last value: hardware PWM runs on unattended
(unless `pilot_gated`), the lock bridge keeps driving; only the coil falls, by ring 0's watchdog.
"""

from __future__ import annotations

from evse.model import F_BP, X1_BP
from hil.errors import TimeRunsBack, UnknownFault
from hil.plant_car import Car
from hil.plant_contactor import Contactor
from hil.plant_faults import FAULT_RESIDUAL_MA, FAULTS
from hil.plant_lock import LockMotor
from hil.plant_model import (
    NEVER_MS,
    Driven,
    LockDrive,
    MeterFault,
    MeterTruth,
    PlantConfig,
    Sensed,
    Violation,
)
from hil.plant_pilot import scatter
from hil.plant_residual import ResidualMonitor
from hil.plant_safety import SafetyWatch, Truth
from hil.plant_sense import Sensors
from hil.plant_supply import Supply
from hil.plant_thermal import Thermal
from hil.trace import Lane, Trace, Value


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
        self.violations: list[Violation] = []
        own_seed = scatter(seed, 0, evse)
        self._faults: set[str] = set()
        self._driven = Driven()
        self._supplied = config.coil_watchdog_ms is None
        self._watchdog_due_ms = NEVER_MS
        self._residual_ma = 0.0
        self._contactor = Contactor(config.contactor, own_seed)
        self._lock = LockMotor(config.lock_travel_ms)
        self._residual = ResidualMonitor(config.residual)
        self._thermal = Thermal(config.ambient_dc, config.heating_dc, config.heating_tau_s)
        self._supply = Supply(config, start_ms)
        self._sensors = Sensors(config, own_seed)
        self._watch = SafetyWatch()
        self.car = Car(lambda: self.now_ms, self._settle, own_seed)
        self._parts = (self._contactor, self._lock, self._residual, self._thermal, self.car)
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
        return self._contactor.closed

    @property
    def locked(self) -> bool:
        """The bolt really holds the plug, whatever the end switches say."""
        return self._lock.locked

    @property
    def current_a(self) -> float:
        """Largest phase current."""
        return self._supply.current_ma / 1000

    @property
    def driven(self) -> Driven:
        """What ring 1 last output."""
        return self._driven

    @property
    def faults(self) -> frozenset[str]:
        """The active faults."""
        return frozenset(self._faults)

    @property
    def meter_faults(self) -> MeterFault:
        frozen = MeterFault.FROZEN if "meter_frozen" in self._faults else MeterFault.NONE
        silent = MeterFault.SILENT if "meter_silent" in self._faults else MeterFault.NONE
        return frozen | silent

    def drive(self, driven: Driven, now_ms: int) -> None:
        """Ring 1 outputs this from `now_ms` on; each call also refreshes the coil's watchdog."""
        self.advance(now_ms)
        if self.config.coil_watchdog_ms is not None:
            self._watchdog_due_ms = now_ms + self.config.coil_watchdog_ms
        if driven != self._driven or not self._supplied:
            self._driven = driven
            self._supplied = True
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
        return self._sensors.read(now_ms)

    def meter(self, now_ms: int) -> MeterTruth:
        """What an ideal meter shows at `now_ms`, whatever `meter_faults` says."""
        self.advance(now_ms)
        return self._supply.meter(now_ms)

    def set_fault(self, name: str, active: bool = True) -> None:
        """Inject or heal one of FAULTS. Raises UnknownFault, and then changes nothing."""
        if name not in FAULTS:
            raise UnknownFault(f"fault {name!r}: the plant knows {', '.join(FAULTS)}")
        if active != (name in self._faults):
            self._faults ^= {name}
            self._note(Lane.FAULT, f"{'+' if active else '-'}{name}")
            self._settle()

    def set_residual_ma(self, residual_ma: float) -> None:
        """Smooth DC residual current, whatever the contactor does."""
        self._residual_ma = residual_ma
        self._settle()

    def set_temperature_dc(self, temperature_dc: int) -> None:
        """Temperature of the surroundings, tenths of a degree Celsius."""
        self._thermal.set_ambient(temperature_dc)
        self._settle()

    def set_voltage_v(self, voltage_v: float, phase: int | None = None) -> None:
        """Mains voltage of one phase (1 to 3), or of all that are fitted."""
        self._supply.set_voltage(round(voltage_v * 1000), phase)
        self._settle()

    def _fire(self, now_ms: int) -> None:
        if now_ms >= self._watchdog_due_ms:
            self._watchdog_due_ms = NEVER_MS
            self._supplied = False
        for part in self._parts:
            part.fire(now_ms)
        self._settle()

    def _settle(self) -> None:
        """Let every part see what the others do now, and note what that changes."""
        now_ms, faults = self.now_ms, self._faults
        self._settle_actuators(now_ms)
        self._supply.refresh(faults)
        cut_off = not faults.isdisjoint(("power_cut", "pilot_short", "pilot_open"))
        live = self._contactor.closed and self._supply.feeds(self.car)
        self.car.see(now_ms, None if cut_off else self._duty_bp, live=live)
        if self.car.pulling and not (self._bolted and self._lock.blocks):
            self.car.let_go()
        self._supply.load(now_ms, self.car)
        self._settle_sensors(now_ms)
        self._judge(now_ms)
        self._draw()
        self._due_ms = min(self._watch.due_ms, *(part.due_ms for part in self._parts))

    @property
    def _bolted(self) -> bool:
        return self.config.lock and self.config.socket

    @property
    def _duty_bp(self) -> int:
        """The generator's output."""
        gated = self.config.pilot_gated and not self._supplied
        return X1_BP if gated else self._driven.duty_bp

    def _settle_actuators(self, now_ms: int) -> None:
        faults = self._faults
        dead = "power_cut" in faults
        self._contactor.refresh(
            now_ms,
            coil=self._driven.coil and self._supplied and not dead,
            weld="contactor_weld" in faults,
            stuck_closed="contactor_stuck_closed" in faults,
            stuck_open="contactor_stuck_open" in faults,
        )
        stopped = dead or "lock_jam" in faults
        self._lock.refresh(now_ms, LockDrive.OFF if stopped else self._driven.lock)

    def _settle_sensors(self, now_ms: int) -> None:
        faults = self._faults
        leaks = "rcd_dc" in faults or ("leak_dc" in faults and self._contactor.closed)
        residual_ma = max(self._residual_ma, FAULT_RESIDUAL_MA if leaks else 0.0)
        test = self._driven.rcd_test and "rcd_test_dead" not in faults
        self._residual.refresh(now_ms, residual_ma, test=test)
        self._thermal.refresh(now_ms, self._supply.current_ma)
        self._sensors.look(
            faults,
            self._duty_bp,
            self.car,
            self._contactor,
            self._lock,
            rcd_tripped=self._residual.tripped,
            temperature_dc=self._thermal.temperature_dc,
            current_ma=self._supply.current_ma,
        )

    def _judge(self, now_ms: int) -> None:
        car, duty_bp = self.car, self._duty_bp
        offered = F_BP < duty_bp < X1_BP and "power_cut" not in self._faults
        truth = Truth(
            energised=self._contactor.closed,
            contact=car.contact,
            demands=car.demands,
            offered=offered,
            held=self._lock.locked or not self._bolted,
            plug_in=car.cable_a > 0 or not self.config.socket,
            over_offered=offered and self.config.socket and car.overloaded(duty_bp),
            residual_trip=self._residual.tripped,
            emergency="emergency_stop" in self._faults,
        )
        for rule in self._watch.look(now_ms, truth):
            excuses = tuple(sorted(self._faults))
            self.violations.append(Violation(now_ms, self.evse, rule, excuses))
            self._note(Lane.FAULT, f"violation {rule}")

    def _draw(self) -> None:
        if self.trace is None:
            return
        self._note(Lane.PILOT, self._sensors.hi_mv)
        self._note(Lane.DUTY, self._duty_bp)
        self._note(Lane.CONTACTOR, "closed" if self._contactor.closed else "open")
        self._note(Lane.CURRENT, self._supply.current_ma)
        if self.config.lock:
            self._note(Lane.LOCK, self._lock.state)

    def _note(self, lane: Lane, value: Value) -> None:
        if self.trace is not None:
            self.trace.record(self.now_ms, self.evse, lane, value)
