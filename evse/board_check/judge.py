"""What a reading says, in a technician's words. Pure: `Inputs` in, a sentence or None out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evse.board_check.step import Watch
from evse.board_faults import WARNINGS, BoardFault, Wiring
from evse.faults import of_board, of_wiring
from evse.guard.facts import Inputs
from evse.guard.proximity import cable_rating_a
from evse.model import PilotState
from evse.pilot import classify, low_level_ok
from evse.supply import SOUND_MV

HIGHEST_SUPPLY_MV = 12_600
"""Where the pilot generator's tolerance ends at the other side (evse/clauses.toml, [supply])."""
ROOM_DC = (-200, 600)
"""No station stands in anything colder or hotter while somebody commissions it."""
NO_PLUG_OHM = 4_500
"""Above it nothing is plugged in (IEC 61851-1 Annex B; hardware makers' pages agree)."""
OF_PILOT = (
    Wiring.ADC_SILENT
    | Wiring.ADC_ALL_ONES
    | Wiring.ADC_ALL_ZEROS
    | Wiring.ADC_RAIL
    | Wiring.PILOT_NO_PLATEAU
    | Wiring.PWM_GONE
    | Wiring.PWM_ALTERED
    | Wiring.GPIO_GONE
)
OF_CONVERTER = Wiring.ADC_SILENT | Wiring.ADC_ALL_ONES | Wiring.ADC_ALL_ZEROS
OF_LOCK = Wiring.LOCK_FLOATING | Wiring.LOCK_CONTRADICTS | Wiring.GPIO_GONE
OF_CONTACTOR = Wiring.MIRROR_FLOATING | Wiring.GPIO_GONE
OF_RCD = Wiring.RCD_FLOATING | Wiring.GPIO_GONE
OF_INPUTS = Wiring.INPUT_FLOATING | Wiring.GPIO_GONE
OF_TEMPERATURE = Wiring.TEMPERATURE_SILENT | Wiring.TEMPERATURE_RANGE
OF_A_WORKSHOP = BoardFault.ENCLOSURE_OPEN | BoardFault.POWER_LOSS | BoardFault.LOCK_CAPACITOR
"""So it is while somebody works inside, mains off."""
_NOMINAL_V = {
    PilotState.A: "+12 V",
    PilotState.B: "+9 V",
    PilotState.C: "+6 V",
    PilotState.F: "-12 V",
}


def volts(mv: int) -> str:
    return f"{mv / 1000:+.1f} V"


def wired(mask: Wiring, then: Watch) -> Watch:
    """The wires of `mask` first: what floats or is gone explains whatever else is read."""

    def watch(inputs: Inputs) -> str | None:
        return next(_of_wires(inputs.wiring & mask), None) or then(inputs)

    return watch


def _of_wires(found: Wiring) -> Iterator[str]:
    for flag in found:
        row = of_wiring(flag)
        yield f"{row.says}. {row.hint}"


# --- pilot ----------------------------------------------------------------------------------------


def pilot_shows(inputs: Inputs) -> str:
    sample = inputs.sample
    if sample is None:
        return "CP: no reading"
    if sample.lo_mv is None or sample.lo_mv == sample.hi_mv:
        return f"CP {volts(sample.hi_mv)}"
    return f"CP {volts(sample.hi_mv)} / {volts(sample.lo_mv)}"


def pilot_is(state: PilotState, *, pwm: bool = False) -> Watch:
    """The plateaus of `state`; with `pwm` also the low one, behind a diode."""

    def watch(inputs: Inputs) -> str | None:
        sample = inputs.sample
        if sample is None:
            return (
                "the pilot gives no reading: what the converter sees of it shows no steady level. "
                "Scope at CP, then at the converter's input"
            )
        if classify(sample.hi_mv, state) is not state:
            return f"CP reads {volts(sample.hi_mv)}, and should read {_NOMINAL_V[state]}"
        if not pwm or (sample.lo_mv is not None and low_level_ok(sample.lo_mv)):
            return None
        low = "nothing" if sample.lo_mv is None else volts(sample.lo_mv)
        return f"the low half of CP reads {low}, and should read -12 V: a shorted diode, or no PWM"

    return wired(OF_PILOT, watch)


# --- contacts -------------------------------------------------------------------------------------


def emergency_stop_is(pressed: bool) -> Watch:
    def watch(inputs: Inputs) -> str | None:
        if inputs.emergency_stop is pressed:
            return None
        return "it reads pressed" if inputs.emergency_stop else "it reads not pressed"

    return wired(OF_INPUTS, watch)


def fault_is(flag: BoardFault, on: bool) -> Watch:
    """Of the contacts that report one."""

    def watch(inputs: Inputs) -> str | None:
        if bool(inputs.faults & flag) is on:
            return None
        says = of_board(flag).says
        return f"it does not say {says!r}" if on else f"it says {says!r}"

    return wired(OF_INPUTS, watch)


def was_pressed(inputs: Inputs) -> str | None:
    """Since the step began: its run counts from there."""
    floats = next(_of_wires(inputs.wiring & OF_INPUTS), None)
    return floats or (None if inputs.presses else "no press was counted")


def is_rest(_inputs: Inputs) -> str | None:
    """Nothing to wait for."""
    return None


# --- power ----------------------------------------------------------------------------------------


def supply_shows(inputs: Inputs) -> str:
    return f"{volts(inputs.supply_12v_mv)}, {volts(inputs.supply_minus_12v_mv)}"


def supply_is(mv: Callable[[Inputs], int], sign: int) -> Watch:
    def watch(inputs: Inputs) -> str | None:
        found_mv = mv(inputs)
        if SOUND_MV <= sign * found_mv <= HIGHEST_SUPPLY_MV:
            return None
        return (
            f"it reads {volts(found_mv)}, and should read {sign * 12:+d} V within 0.6 V. Measure "
            "it at the front-end; where the meter agrees with 12 V, mend gain_mv in the profile"
        )

    return wired(OF_CONVERTER, watch)


def contactor_shows(inputs: Inputs) -> str:
    return f"mirror contact: {'closed' if inputs.mirror_closed else 'open'}"


def contactor_is(closed: bool, why: str) -> Watch:
    """`why`: what it means where the mirror contact does not say so in time."""

    def watch(inputs: Inputs) -> str | None:
        return None if inputs.mirror_closed is closed else why

    return wired(OF_CONTACTOR, watch)


def may_not_be_on(inputs: Inputs) -> str | None:
    """Why the contactor must not be closed now, whoever wants it."""
    sample = inputs.sample
    if sample is None:
        return "the pilot gives no reading, so nobody can tell that no car is there"
    if classify(sample.hi_mv, PilotState.A) is not PilotState.A:
        return (
            f"CP reads {volts(sample.hi_mv)}: take car and adapter away, and mend the pilot first"
        )
    if inputs.emergency_stop:
        return "the emergency stop is pressed"
    if inputs.rcd_tripped:
        return "the residual-current device has tripped"
    if found := inputs.faults & ~(WARNINGS | OF_A_WORKSHOP):
        return f"the board says: {of_board(next(iter(found))).says}"
    return next(_of_wires(inputs.wiring & (OF_PILOT | OF_CONTACTOR | OF_RCD)), None)


def may_not_close(inputs: Inputs) -> str | None:
    """The same before it is switched on."""
    if why := may_not_be_on(inputs):
        return f"the contactor is not switched: {why}"
    if inputs.mirror_closed:
        return (
            "the contactor is not switched: its mirror contact reads closed already. Welded, the "
            "coil wired past the computer, or the mirror contact's wire broken"
        )
    return None


# --- the others -----------------------------------------------------------------------------------


def lock_shows(inputs: Inputs) -> str:
    ends = (("locked", inputs.lock_locked), ("unlocked", inputs.lock_unlocked))
    return f"switches: {', '.join(name for name, on in ends if on) or 'neither'}"


def lock_is(locked: bool) -> Watch:
    def watch(inputs: Inputs) -> str | None:
        if inputs.lock_locked is locked and inputs.lock_unlocked is not locked:
            return None
        wanted = "locked" if locked else "unlocked"
        return (
            f"the lock does not reach {wanted!r} ({lock_shows(inputs)}). Motor, its supply, and "
            "whether the two directions or the two switches are swapped"
        )

    return wired(OF_LOCK, watch)


def reserve_is_charged(inputs: Inputs) -> str | None:
    if BoardFault.LOCK_CAPACITOR in inputs.faults:
        return f"{of_board(BoardFault.LOCK_CAPACITOR).says}: the lock does not move"
    return None


def rcd_shows(inputs: Inputs) -> str:
    return f"residual-current device: {'tripped' if inputs.rcd_tripped else 'not tripped'}"


def rcd_is(tripped: bool, why: str) -> Watch:
    def watch(inputs: Inputs) -> str | None:
        return None if inputs.rcd_tripped is tripped else why

    return wired(OF_RCD, watch)


def phases_show(inputs: Inputs) -> str:
    said = {None: "no feedback", True: "L2 and L3 connected", False: "L1 alone"}
    return f"phase contact: {said[inputs.phase_feedback]}"


def phases_are(three: bool) -> Watch:
    def watch(inputs: Inputs) -> str | None:
        if inputs.phase_feedback is three:
            return None
        return (
            f"the phase contact does not follow ({phases_show(inputs)}): its coil or its feedback"
        )

    return watch


def phases_may_not_move(inputs: Inputs) -> str | None:
    if inputs.mirror_closed:
        return "the main contactor reads closed: the phase contact is not moved under load"
    return None


def cable_shows(inputs: Inputs) -> str:
    ohm = "open" if inputs.pp_ohm is None else f"{inputs.pp_ohm} ohm"
    return f"PP {ohm}: {cable_rating_a(inputs.pp_ohm)} A"


def cable_is(rating_a: int) -> Watch:
    def watch(inputs: Inputs) -> str | None:
        if cable_rating_a(inputs.pp_ohm) != rating_a:
            return f"{cable_shows(inputs)}, and should be {rating_a} A"
        return None

    return wired(OF_CONVERTER, watch)


def nothing_at_pp(inputs: Inputs) -> str | None:
    if inputs.pp_ohm is not None and inputs.pp_ohm <= NO_PLUG_OHM:
        return f"{cable_shows(inputs)}, with nothing plugged in: a wire of PP touches another"
    return None


def temperature_shows(inputs: Inputs) -> str:
    dc = inputs.temperature_dc
    return "no temperature" if dc is None else f"{dc / 10:.1f} degrees"


def temperature_is_a_rooms(inputs: Inputs) -> str | None:
    dc = inputs.temperature_dc
    if dc is not None and ROOM_DC[0] <= dc <= ROOM_DC[1]:
        return None
    return (
        f"{temperature_shows(inputs)}: not what a sensor at rest reads, compare with a thermometer"
    )
