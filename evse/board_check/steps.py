"""The walk: every input and output of a board, in the order in which they prove each other. Pure.

Supplies first, then the pilot, then what says "no car, nothing pressed, nothing tripped", and last
what it protects: the contactor and the interlock.
"""

from __future__ import annotations

from collections.abc import Iterator

from evse.board_check import judge
from evse.board_check.fitting import BoardFitting, EvseFitting
from evse.board_check.power import power_steps
from evse.board_check.step import Phase, Shows, Step, Watch
from evse.board_faults import BoardFault
from evse.guard.facts import Inputs, Outputs
from evse.model import F_BP, PilotState
from evse.panel import Indicator, Sound
from evse.pilot import amps_to_duty_bp

SETTLED_MS = 200
"""Longer than any filter and any round through the converter's channels."""
FILTERED_MS = 8_000
"""Longer than the slowest contact is filtered: mains that are back count after some seconds."""
CABLES = ((1_500, 13), (680, 20), (220, 32), (100, 63))
"""IEC 61851-1 Annex B (evse/clauses.toml): coding resistor, ohm, and rating, A."""
TESTED_A = 32.0
_HANDS = {
    "emergency_stop": ("the emergency stop", "press it", "release it"),
    "door": ("the door contact", "open the door", "close it"),
    "tilt": ("the tilt contact", "tilt the station, or its contact", "put it upright"),
    "water": ("the water sensor", "wet it", "dry it"),
    "mains": ("the mains contact", "take the mains from the contact", "give them back"),
}
"""Kind of contact: what it is called, and how a hand makes it active and lets it rest."""
_FAULTS = {
    "door": BoardFault.ENCLOSURE_OPEN,
    "tilt": BoardFault.TILT,
    "water": BoardFault.WATER_INGRESS,
    "mains": BoardFault.POWER_LOSS,
}


def walk(board: BoardFitting) -> list[Step]:
    """All steps, each name once."""
    found = [*_supplies(board), *_contacts(0, board.inputs)]
    for fitted in board.evses:
        found += [
            *_pilot(fitted),
            *_contacts(fitted.evse, fitted.inputs),
            *_proximity(fitted),
            *_temperature(fitted),
            *_panel(fitted),
            *power_steps(fitted, board),
        ]
    return found


def _supplies(board: BoardFitting) -> Iterator[Step]:
    first = board.evses[0].evse
    if board.supply_12v:
        watch = judge.supply_is(lambda inputs: inputs.supply_12v_mv, 1)
        yield _supply(first, "supply-12v", "+12 V", board.supply_12v, watch)
    if board.supply_minus_12v:
        watch = judge.supply_is(lambda inputs: inputs.supply_minus_12v_mv, -1)
        yield _supply(first, "supply-minus-12v", "-12 V", board.supply_minus_12v, watch)


def _supply(evse: int, name: str, nominal: str, where: str, watch: Watch) -> Step:
    return Step(
        name=name,
        title=f"the pilot's {nominal} supply",
        evse=evse,
        happens="nothing moves; the supply is read",
        measure=f"voltmeter: the front-end's {nominal} against its ground ({where})",
        expect=f"{nominal}, within 0.6 V",
        phases=(Phase(watch, steady_ms=SETTLED_MS),),
        shows=judge.supply_shows,
    )


def _pilot(fitted: EvseFitting) -> Iterator[Step]:
    evse, duty_bp = fitted.evse, amps_to_duty_bp(TESTED_A)
    offer = Outputs(duty_bp=duty_bp)
    percent = f"{duty_bp / 100:.1f} %"

    def step(name: str, title: str, expect: str, phases: tuple[Phase, ...], **more: str) -> Step:
        return Step(
            name=f"evse{evse}.pilot-{name}",
            title=title,
            evse=evse,
            happens=more.get(
                "happens", f"{fitted.pilot} drives the pilot, {fitted.pilot_reading} reads it"
            ),
            measure=more.get("measure", "scope at CP against PE, at the outlet, no car"),
            expect=expect,
            phases=phases,
            shows=judge.pilot_shows,
            question=more.get("question", ""),
        )

    free = judge.pilot_is(PilotState.A)
    yield step(
        "x1", "pilot at X1", "steady +12 V (11.4 to 12.6)", (Phase(free, 2_000, SETTLED_MS),)
    )
    yield step(
        "pwm",
        f"pilot offers {TESTED_A:.0f} A",
        f"1 kHz, +12 V / -12 V, {percent} high ({TESTED_A:.0f} A), edges under 2 us",
        (Phase(judge.pilot_is(PilotState.A, pwm=True), 2_000, SETTLED_MS, offer),),
        question=f"Does the scope show 1 kHz (995 to 1005 Hz) and {percent} high?",
    )
    yield step(
        "f",
        "pilot at F",
        "steady -12 V (-11.4 to -12.6)",
        (Phase(judge.pilot_is(PilotState.F), 2_000, SETTLED_MS, Outputs(duty_bp=F_BP)),),
    )
    for state, ohm, volts in (
        (PilotState.B, "2740 ohm", "+9 V"),
        (PilotState.C, "882 ohm", "+6 V"),
    ):
        yield step(
            state.name.lower(),
            f"pilot with a car in state {state.name}",
            f"{volts} / -12 V",
            (
                Phase(
                    judge.pilot_is(state, pwm=True),
                    2_000,
                    SETTLED_MS,
                    offer,
                    do=f"set the test adapter to state {state.name}, or put {ohm} behind a diode "
                    "(1N4148, anode at CP) from CP to PE; then Enter",
                    action=f"car:{state.name}",
                ),
                Phase(
                    free,
                    2_000,
                    SETTLED_MS,
                    do="take the adapter away; then Enter",
                    action="car:none",
                ),
            ),
            happens=f"{fitted.pilot} offers {TESTED_A:.0f} A; no contactor moves",
            measure="scope at CP against PE",
        )


def _contacts(evse: int, inputs: dict[str, str]) -> Iterator[Step]:
    prefix = f"evse{evse}." if evse else ""
    for kind, where in inputs.items():
        if kind == "stop_button":
            yield _button(prefix, evse, where)
            continue
        title, act, rest = _HANDS[kind]
        flag = _FAULTS.get(kind)
        at_rest = judge.emergency_stop_is(False) if flag is None else judge.fault_is(flag, False)
        active = judge.emergency_stop_is(True) if flag is None else judge.fault_is(flag, True)
        yield Step(
            name=f"{prefix}{kind.replace('_', '-')}",
            title=title,
            evse=evse,
            happens="nothing moves; the contact is read",
            measure=f"{where}; at rest its contact conducts",
            expect="it changes with each of the two, and stays between them",
            phases=(
                Phase(at_rest, FILTERED_MS, SETTLED_MS),
                Phase(active, FILTERED_MS, do=f"{act}; then Enter", action=f"{kind}:active"),
                Phase(at_rest, FILTERED_MS, do=f"{rest}; then Enter", action=f"{kind}:rest"),
            ),
            shows=_contact_shows(flag),
        )


def _contact_shows(flag: BoardFault | None) -> Shows:
    def shows(inputs: Inputs) -> str:
        on = inputs.emergency_stop if flag is None else bool(inputs.faults & flag)
        return "contact: active" if on else "contact: at rest"

    return shows


def _button(prefix: str, evse: int, where: str) -> Step:
    return Step(
        name=f"{prefix}stop-button",
        title="the stop button",
        evse=evse,
        happens="nothing moves; presses are counted",
        measure=where,
        expect="the count goes up with a press",
        phases=(
            Phase(
                judge.was_pressed,
                2_000,
                do="press and release it; then Enter",
                action="stop_button:press",
            ),
        ),
        shows=lambda inputs: f"presses: {inputs.presses}",
    )


def _proximity(fitted: EvseFitting) -> Iterator[Step]:
    if not fitted.proximity:
        return
    name, evse = f"evse{fitted.evse}.proximity", fitted.evse
    phases = [Phase(judge.nothing_at_pp, 2_000, SETTLED_MS)]
    for ohm, rating_a in CABLES:
        phases.append(
            Phase(
                judge.cable_is(rating_a),
                2_000,
                SETTLED_MS,
                do=f"put {ohm} ohm from PP to PE, or plug a cable of {rating_a} A; then Enter",
                action=f"cable:{rating_a}",
            )
        )
    phases.append(
        Phase(judge.nothing_at_pp, 2_000, do="take it away; then Enter", action="cable:none")
    )
    yield Step(
        name=name,
        title="the cable's coding (PP)",
        evse=evse,
        happens="nothing moves; PP is read",
        measure=f"ohmmeter, socket unpowered: PP against PE ({fitted.proximity})",
        expect=", ".join(f"{ohm} ohm reads {rating_a} A" for ohm, rating_a in CABLES),
        phases=tuple(phases),
        shows=judge.cable_shows,
    )


def _temperature(fitted: EvseFitting) -> Iterator[Step]:
    if not fitted.temperature:
        return
    yield Step(
        name=f"evse{fitted.evse}.temperature",
        title="the temperature",
        evse=fitted.evse,
        happens="nothing moves; the sensors are read, the hottest counts",
        measure=f"thermometer beside the sensor ({fitted.temperature})",
        expect="as the thermometer, within 3 degrees; -20 to 60 is believed here",
        phases=(
            Phase(
                judge.wired(
                    judge.OF_TEMPERATURE | judge.OF_CONVERTER, judge.temperature_is_a_rooms
                ),
                4_000,
                SETTLED_MS,
            ),
        ),
        shows=judge.temperature_shows,
    )


def _panel(fitted: EvseFitting) -> Iterator[Step]:
    if fitted.light:
        for name, indicator, look in (
            ("available", Indicator.AVAILABLE, "free"),
            ("charging", Indicator.CHARGING, "charging"),
            ("faulted", Indicator.FAULTED, "out of order"),
        ):
            yield Step(
                name=f"evse{fitted.evse}.light-{name}",
                title=f"the status light: {look}",
                evse=fitted.evse,
                happens=f"{fitted.light} shows the pattern {name!r} (docs/indicator.md)",
                measure="look at it",
                expect=f"the pattern {name!r}",
                phases=(Phase(judge.is_rest, steady_ms=SETTLED_MS),),
                shows=lambda _inputs: "no input sees it",
                question=f"Does the light show the pattern {name!r}?",
                indicator=indicator,
            )
    if fitted.buzzer:
        yield Step(
            name=f"evse{fitted.evse}.buzzer",
            title="the buzzer",
            evse=fitted.evse,
            happens=f"{fitted.buzzer} sounds as for an accepted card",
            measure="listen",
            expect="it sounds once",
            phases=(Phase(judge.is_rest, steady_ms=SETTLED_MS),),
            shows=lambda _inputs: "no input hears it",
            question="Did it sound?",
            sound=Sound.ACCEPTED,
        )
