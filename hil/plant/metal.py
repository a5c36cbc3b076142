"""The metal of one EVSE: its parts, and how each acts on the others within one instant."""

from __future__ import annotations

from collections.abc import Callable, Set

from evse.board_faults import BoardFault, Wiring
from evse.model import F_BP, X1_BP
from hil.plant.car import Car
from hil.plant.contactor import Contactor
from hil.plant.faults import FAULT_RESIDUAL_MA
from hil.plant.lock import LockMotor
from hil.plant.model import Driven, LockDrive, PlantConfig
from hil.plant.phase_contact import PhaseContact
from hil.plant.residual import ResidualMonitor
from hil.plant.safety import Truth
from hil.plant.sense import Sensors
from hil.plant.supply import Supply
from hil.plant.thermal import Thermal

_NO_PILOT_AT_CAR = ("power_cut", "pilot_short", "pilot_open")


class Metal:
    """`settle` whenever anything outside changed, `fire` when `due_ms` has come."""

    def __init__(
        self,
        config: PlantConfig,
        seed: int,
        start_ms: int,
        *,
        now: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._config = config
        self._bolted = config.lock and config.socket
        self.contactor = Contactor(config.contactor, seed)
        self.phase_contact = PhaseContact(config.phase_contact_ms)
        self.lock = LockMotor(config.lock_travel_ms)
        self.residual = ResidualMonitor(config.residual)
        self.thermal = Thermal(config.ambient_dc, config.heating_dc, config.heating_tau_s)
        self.supply = Supply(config, start_ms)
        self.sensors = Sensors(config, seed)
        self.car = Car(now, changed, seed)
        self._parts = (
            self.contactor,
            self.phase_contact,
            self.lock,
            self.residual,
            self.thermal,
            self.car,
        )
        self._closed_on: int | None = None
        """Phases that were connected when the power contacts closed."""
        self.board_faults = BoardFault(0)
        """What the board's own protections say."""
        self.wiring = Wiring(0)
        """What the board finds wrong with its own wires."""
        self.residual_ma = 0.0
        """Residual current that somebody set, beside what the faults make."""

    @property
    def due_ms(self) -> int:
        """When a part next moves by itself."""
        return min(part.due_ms for part in self._parts)

    def fire(self, now_ms: int) -> None:
        """Let the parts that are due move; `settle` must follow."""
        for part in self._parts:
            part.fire(now_ms)

    def settle(self, now_ms: int, driven: Driven, faults: Set[str]) -> None:
        """Every part sees what the others and the outside do now."""
        self._settle_actuators(now_ms, driven, faults)
        self.supply.refresh(faults)
        cut_off = not faults.isdisjoint(_NO_PILOT_AT_CAR)
        phases = self.phase_contact.phases
        live = self.contactor.closed and self.supply.feeds(self.car, phases)
        self.car.see(now_ms, None if cut_off else driven.duty_bp, live=live)
        if self.car.pulling and not (self._bolted and self.lock.blocks):
            self.car.let_go()
        self.supply.load(now_ms, self.car, phases)
        self._settle_sensors(now_ms, driven, faults)

    def _settle_actuators(self, now_ms: int, driven: Driven, faults: Set[str]) -> None:
        dead = "power_cut" in faults
        self.contactor.refresh(
            now_ms,
            coil=driven.coil and not dead,
            weld="contactor_weld" in faults,
            stuck_closed="contactor_stuck_closed" in faults,
            stuck_open="contactor_stuck_open" in faults,
        )
        if self._config.phase_switch:
            self.phase_contact.refresh(
                now_ms,
                0 if dead else driven.phases,
                stuck="phase_contact_stuck" in faults,
                opens="phase_contact_open" in faults,
            )
        if not self.contactor.closed:
            self._closed_on = None
        elif self._closed_on is None:
            self._closed_on = self.phase_contact.phases
        stopped = dead or "lock_jam" in faults
        self.lock.refresh(now_ms, LockDrive.OFF if stopped else driven.lock)

    def _settle_sensors(self, now_ms: int, driven: Driven, faults: Set[str]) -> None:
        leaks = "rcd_dc" in faults or ("leak_dc" in faults and self.contactor.closed)
        residual_ma = max(self.residual_ma, FAULT_RESIDUAL_MA if leaks else 0.0)
        test = driven.rcd_test and "rcd_test_dead" not in faults
        self.residual.refresh(now_ms, residual_ma, test=test)
        self.thermal.refresh(now_ms, self.supply.current_ma)
        self.sensors.look(
            faults,
            driven.duty_bp,
            self.car,
            self.contactor,
            self.lock,
            rcd_tripped=self.residual.tripped,
            temperature_dc=self.thermal.temperature_dc,
            current_ma=self.supply.current_ma,
            phases=self.phase_contact.phases,
            board_faults=self.board_faults,
            wiring=self.wiring,
        )

    def truth(self, duty_bp: int, faults: Set[str]) -> Truth:
        """What the safety rules judge."""
        car, socket = self.car, self._config.socket
        offered = F_BP < duty_bp < X1_BP and "power_cut" not in faults
        return Truth(
            energised=self.contactor.closed,
            contact=car.contact,
            demands=car.demands,
            offered=offered,
            held=self.lock.locked or not self._bolted,
            plug_in=car.cable_a > 0 or not socket,
            over_offered=offered and socket and car.overloaded(duty_bp),
            residual_trip=self.residual.tripped,
            emergency="emergency_stop" in faults,
            phases_moved=self._closed_on not in (None, self.phase_contact.phases),
        )
