"""The tables of docs/hardware.md that follow from the front-end's values and the board profile."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.adc.proximity import ProximityDivider
from drivers.board.profile import BoardProfile, BurstSection, NtcSection, load_profile
from evse.guard.proximity import cable_rating_a
from hil.docs import front_end as fe
from hil.docs.front_end_wires import wiring_table

PROFILE = "pievse-reference"
CODES = {1_500: 13, 680: 20, 220: 32, 100: 63}
"""Ohm in the plug to its rating (IEC 61851-1 Annex B)."""
WINDOWS = {
    "A": "11 to 13 V",
    "B": "8 to 10 V",
    "C": "5 to 7 V",
    "D": "2 to 4 V",
    "E": "-1 to 2 V",
    "F": "-13 to -11 V",
}


def tables() -> dict[str, str]:
    """Block of docs/hardware.md -> its Markdown."""
    profile = load_profile(PROFILE)
    return {
        name: "\n".join(lines)
        for name, lines in (
            ("pilot", _pilot(profile)),
            ("pp", _proximity(profile)),
            ("ntc", _temperature(profile)),
            ("channels", _channels(profile)),
            ("pins", wiring_table(profile)),
            ("gate", _gate(profile)),
            ("reserve", _reserve(profile)),
        )
    }


def _pilot(profile: BoardProfile) -> Iterator[str]:
    section = profile.evse[0].pilot
    assert isinstance(section, BurstSection)
    yield "| state | at the terminal | at the converter | read: nominal | worst cases | window |"
    yield "|---|---|---|---|---|---|"
    for state, window in WINDOWS.items():
        mv = fe.terminal_mv(state)
        lowest, highest = fe.extremes_mv(state, section.scale)
        yield (
            f"| {state} | {_volts(mv)} | {_volts(fe.PILOT_DIVIDER.input_mv(mv), 3)} "
            f"| {_volts(fe.read_mv(state, section.scale))} "
            f"| {_volts(lowest)} to {_volts(highest)} | {window} |"
        )


def _proximity(profile: BoardProfile) -> Iterator[str]:
    pp = profile.evse[0].proximity
    assert pp is not None
    yield "| in the plug | rating | at the converter | read: worst cases |"
    yield "|---|---|---|---|"
    for ohm, rating_a in CODES.items():
        low, high = proximity_extremes(ohm, pp.pull_up_ohm)
        volts = _volts(fe.pulled_up_mv(ohm, pp.pull_up_ohm), 3)
        yield f"| {ohm} ohm | {rating_a} A | {volts} | {low} to {high} ohm |"
    yield f"| nothing | no plug | {_volts(fe.REFERENCE_MV, 3)} | more than 4500 ohm |"
    yield "| short | fault | 0.000 V | less than 80 ohm |"


def proximity_extremes(ohm: float, pull_up_ohm: int) -> tuple[int, int]:
    """Ohm that the driver reads of a coding resistor, every part at its worst."""
    divider = ProximityDivider(fe.REFERENCE_MV, pull_up_ohm)
    found = []
    for end in (-1, 1):
        seen_ohm = ohm * (1 + end * fe.CAR_TOLERANCE)
        pull_up = pull_up_ohm * (1 - end * fe.PULL_UP_TOLERANCE)
        at_input_mv = fe.pulled_up_mv(seen_ohm, pull_up)
        read = divider.ohm(round(fe.counted_mv(at_input_mv, end * fe.CONVERTER_ERROR_COUNTS)))
        assert read is not None
        found.append(read)
    assert all(cable_rating_a(read) == cable_rating_a(round(ohm)) for read in found)
    return found[0], found[1]


def _temperature(profile: BoardProfile) -> Iterator[str]:
    heat = profile.evse[0].temperature
    assert isinstance(heat, NtcSection)
    yield "| temperature | NTC | at the converter |"
    yield "|---|---|---|"
    for celsius in (-20, 0, 25, 45, 65, 71, round(heat.trip_c), 100):
        ohm = fe.ntc_ohm(celsius, heat.ohm_25c, heat.beta_k)
        volts = _volts(fe.pulled_up_mv(ohm, heat.pull_up_ohm), 3)
        yield f"| {celsius} °C | {ohm:.0f} ohm | {volts} |"


def _channels(profile: BoardProfile) -> Iterator[str]:
    section = profile.evse[0]
    assert isinstance(section.pilot, BurstSection)
    rows = {section.pilot.channel: "pilot, buffered"}
    if section.proximity is not None:
        rows[section.proximity.channel] = "PP"
    if isinstance(section.temperature, NtcSection):
        rows[section.temperature.channel] = "NTC"
    for name, one in (
        ("+12 V", profile.supply_12v),
        ("-12 V", profile.supply_minus_12v),
        ("lock's reserve", section.lock_reserve),
    ):
        if one is not None:
            rows[one.channel] = name
    yield "| MCP3208 | pin of the DIP | what |"
    yield "|---|---|---|"
    for channel in range(8):
        yield f"| CH{channel} | {channel + 1} | {rows.get(channel, 'free: to ground')} |"


def _gate(profile: BoardProfile) -> Iterator[str]:
    low_mv, high_mv = fe.gate_mv()
    least, nominal, most = fe.monostable_ms()
    section = profile.evse[0].pilot
    assert isinstance(section, BurstSection)
    span = f"{least:.0f} to {most:.0f} ms"
    yield "| | computed |"
    yield "|---|---|"
    yield f"| watchdog: off after the last edge by | {nominal:.0f} ms ({span}) |"
    yield f"| gate conducts while the pilot is high at | {_volts(low_mv)} to {_volts(high_mv)} |"
    for state in "BCD":
        low, high = fe.extremes_mv(state, section.scale)
        kept = fe.gate_sees_mv(low)
        yield f"| its detector sees, in state {state} | {_volts(kept)} to {_volts(high)} |"
    yield "| car unplugged or back in B: gate off after | one pilot period, 1 ms |"
    yield f"| pilot shorted in C: gate off after | {fe.gate_short_ms():.0f} ms |"


def _reserve(profile: BoardProfile) -> Iterator[str]:
    motor_j = fe.MOTOR_W * fe.MOTOR_S
    pulse_j = fe.MOTOR_W * fe.PULSE_S
    computer_j = fe.COMPUTER_W * fe.MOTOR_S
    lock = profile.evse[0].lock
    assert lock is not None
    assert lock.reserve_min_mv is not None
    threshold_v = lock.reserve_min_mv / 1_000
    yield "| | computed |"
    yield "|---|---|"
    yield f"| wanted: {fe.MOTOR_W:g} W for {fe.MOTOR_S:g} s | {motor_j:.1f} J |"
    yield f"| one pulse of {fe.PULSE_S:g} s | {pulse_j:.1f} J |"
    yield f"| computer, {fe.COMPUTER_W:g} W (a guess) for {fe.MOTOR_S:g} s | {computer_j:.1f} J |"
    yield (
        f"| reserve: {fe.CELLS} cells of {fe.CELL_F:g} F, {fe.CELL_V:g} V in series "
        f"| {fe.reserve_farad():.2f} F |"
    )
    yield f"| it gives from 12 V down to {fe.EMPTY_V:g} V | {fe.joule(12):.1f} J |"
    least_j = fe.joule(threshold_v)
    yield f"| and from {threshold_v:g} V, the least with which a plug is locked | {least_j:.1f} J |"


def _volts(mv: float, digits: int = 2) -> str:
    text = f"{mv / 1_000:.{digits}f}"
    return f"{0:.{digits}f} V" if float(text) == 0 else f"{text} V"
