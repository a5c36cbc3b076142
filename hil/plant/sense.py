"""Ring 1's sensors: the truth of the metal, the sensors' own faults, and sampling noise."""

from __future__ import annotations

from collections.abc import Set

from evse.board_faults import BoardFault, Wiring
from hil.plant.car import Car
from hil.plant.contactor import Contactor
from hil.plant.faults import (
    FAULT_PP_SHORT_OHM,
    FAULT_RAIL_MV,
    FAULT_SUPPLY_MV,
    FAULT_TEMPERATURE_DC,
)
from hil.plant.lock import LockMotor
from hil.plant.model import PlantConfig, Sensed
from hil.plant.pilot import levels_mv, scatter

NOISE_PERIOD_MS = 10
_STREAM = 3
_DEAD = Sensed(
    sampled=False,
    hi_mv=0,
    lo_mv=0,
    mirror_closed=False,
    rcd_tripped=False,
    lock_locked=False,
    lock_unlocked=False,
    pp_ohm=None,
    emergency_stop=False,
    temperature_dc=None,
    current_ma=None,
    phase_feedback=None,
    faults=BoardFault(0),
    supply_mv=0,
)


SUPPLY_MV = 12_000


class Sensors:
    """Readings are constant between two calls of `look`, but for the noise on the pilot."""

    def __init__(self, config: PlantConfig, seed: int) -> None:
        self._config = config
        self._seed = seed
        self._quiet = _DEAD
        self._noisy = False
        self.hi_mv = 0
        """The true plateau at the station's terminal, without noise and converter faults."""

    def look(
        self,
        faults: Set[str],
        duty_bp: int,
        car: Car,
        contactor: Contactor,
        lock: LockMotor,
        *,
        rcd_tripped: bool,
        temperature_dc: int,
        current_ma: int,
        phases: int,
        board_faults: BoardFault,
        wiring: Wiring,
    ) -> None:
        """Everything as it is from now on."""
        if "power_cut" in faults:
            self._quiet, self._noisy, self.hi_mv = _DEAD, False, 0
            return
        sampled, hi_mv, lo_mv = self._pilot(faults, duty_bp, car)
        fitted = self._config.lock and "lock_feedback_lost" not in faults
        over = "over_temperature" in faults
        self._quiet = Sensed(
            sampled=sampled,
            hi_mv=hi_mv,
            lo_mv=lo_mv,
            mirror_closed=self._mirror(faults, contactor),
            rcd_tripped=rcd_tripped,
            lock_locked=fitted and lock.locked,
            lock_unlocked=fitted and lock.unlocked,
            pp_ohm=self._pp_ohm(faults, car),
            emergency_stop="emergency_stop" in faults,
            temperature_dc=FAULT_TEMPERATURE_DC if over else temperature_dc,
            current_ma=current_ma if self._config.current_sensor else None,
            phase_feedback=phases == 3 if self._config.phase_switch else None,
            faults=board_faults,
            supply_mv=FAULT_SUPPLY_MV if "supply_sag" in faults else SUPPLY_MV,
            wiring=wiring,
        )

    def _pilot(self, faults: Set[str], duty_bp: int, car: Car) -> tuple[bool, int, int]:
        ventilation = "ventilation" in faults
        hi_mv, lo_mv = levels_mv(
            self._config.pilot,
            duty_bp,
            None if "pilot_open" in faults else car.load_ohm(ventilation=ventilation),
            diode_short="diode_short" in faults,
            shorted="pilot_short" in faults,
        )
        self.hi_mv = hi_mv
        self._noisy = False
        if "adc_stuck" in faults:
            return False, 0, 0
        if "adc_rail" in faults:
            return True, FAULT_RAIL_MV, FAULT_RAIL_MV
        self._noisy = self._config.noise_mv > 0
        return True, hi_mv, lo_mv

    def _pp_ohm(self, faults: Set[str], car: Car) -> int | None:
        if not self._config.socket or "pp_open" in faults:
            return None
        return FAULT_PP_SHORT_OHM if car.cable_a and "pp_short" in faults else car.pp_ohm

    @staticmethod
    def _mirror(faults: Set[str], contactor: Contactor) -> bool:
        if "mirror_stuck_open" in faults:
            return False
        return contactor.mirror or "mirror_stuck_closed" in faults

    def read(self, now_ms: int) -> Sensed:
        """The reading at `now_ms`: the same for every call within one noise period."""
        quiet = self._quiet
        if not self._noisy:
            return quiet
        noise_mv = self._config.noise_mv
        span_mv = 2 * noise_mv + 1
        draw = scatter(self._seed, _STREAM, now_ms // NOISE_PERIOD_MS)
        hi_mv = quiet.hi_mv + (draw & 0xFFFFFFFF) % span_mv - noise_mv
        # Without PWM both readings are of the same steady level.
        steady = quiet.lo_mv == quiet.hi_mv
        lo_mv = hi_mv if steady else quiet.lo_mv + (draw >> 32) % span_mv - noise_mv
        return Sensed(
            quiet.sampled,
            hi_mv,
            lo_mv,
            quiet.mirror_closed,
            quiet.rcd_tripped,
            quiet.lock_locked,
            quiet.lock_unlocked,
            quiet.pp_ohm,
            quiet.emergency_stop,
            quiet.temperature_dc,
            quiet.current_ma,
            quiet.phase_feedback,
            quiet.faults,
            quiet.supply_mv,
            quiet.wiring,
        )
