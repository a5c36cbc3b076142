"""The control pilot, read and written: duty, levels, debounce, diode check. Pure.

Responsibility: this is the only place where a pilot voltage becomes a state and a current becomes a
duty cycle. It guarantees that a duty never offers more than was asked for, that a level which no
state explains is INVALID and not the nearest neighbour, and that leaving C or D is believed after
two equal samples while entering C takes five times as long. It assumes plateau levels in
millivolts from a sampler that says "no verdict" (None) instead of guessing. Who checks it: the
clause table `evse/clauses.toml`, by which the tests judge this module row by row.
"""

from __future__ import annotations

import math

import msgspec

from evse.model import F_BP, X1_BP, PilotState

DIGITAL_BP = 500
"""5 %: the current is agreed over ISO 15118 (IEC 61851-1 Annex A)."""
MIN_PWM_BP = 1_000
"""10 %: the least duty that offers a current (6 A)."""
MAX_PWM_BP = 9_600
"""96 %: 80 A. Above it IEC and J1772 disagree, so nothing above is ever put out."""

_MIN_A = 6.0
_FIRST_FORMULA_MAX_A = 51.0
_GAP_TOP_A = 52.5
_MAX_A = 80.0

POWERED = frozenset((PilotState.C, PilotState.D))
"""States in which the car asks for energy."""
PLUGGED = frozenset((PilotState.B, PilotState.C, PilotState.D))
_AT_ONCE = frozenset((PilotState.A, PilotState.E, PilotState.F, PilotState.INVALID))
_ABC = frozenset((PilotState.A, PilotState.B, PilotState.C))
_A_TO_E = _ABC | {PilotState.D, PilotState.E}

DIODE_LOW_MV = (-13_000, -11_000)
"""Where the negative half-wave lies behind a healthy diode, whatever the car does."""


def amps_to_duty_bp(limit_a: float) -> int:
    """Duty that offers at most `limit_a`, in basis points, rounded down.

    Below 6.0 A (and for NaN) nothing can be offered: X1. 51 to 52.5 A, which the two formulas
    leave out, is offered as 51 A; more than 80 A as 80 A. IEC 61851-1 Annex A.
    """
    if not limit_a >= _MIN_A:
        return X1_BP
    if limit_a <= _GAP_TOP_A:
        return math.floor(min(limit_a, _FIRST_FORMULA_MAX_A) * 500 / 3)
    return math.floor(min(limit_a, _MAX_A) * 40) + 6_400


def duty_bp_to_amps(duty_bp: int) -> float:
    """What a car may draw at this duty, amps (IEC 61851-1 Annex A, the car's side).

    0.0 where it may not draw at all, and at 3 to 7 % where only ISO 15118 can tell.
    """
    if not 800 <= duty_bp <= 9_700:
        return 0.0
    if duty_bp < MIN_PWM_BP:
        return _MIN_A
    if duty_bp <= 8_500:
        return duty_bp * 0.006
    return min((duty_bp - 6_400) * 0.025, _MAX_A)


def is_pwm(duty_bp: int) -> bool:
    """Does this output have a negative half-wave, that is, is it an offer (x2)?"""
    return F_BP < duty_bp < X1_BP


def sound_duty_bp(duty_bp: int) -> int:
    """`duty_bp` if it means something to a car, else X1: 0, 5 %, 10 to 96 % and 100 % pass."""
    if MIN_PWM_BP <= duty_bp <= MAX_PWM_BP or duty_bp in (F_BP, DIGITAL_BP):
        return duty_bp
    return X1_BP


class PilotSample(msgspec.Struct, frozen=True, gc=False):
    """Plateau levels of one burst of samples, millivolts at the station's pilot terminal."""

    hi_mv: int
    """Positive half-wave; the steady level where there is no PWM."""
    lo_mv: int | None = None
    """Negative half-wave; None where this burst caught too little of it. Without PWM, any."""


def classify(hi_mv: int, previous: PilotState) -> PilotState:
    """State of a high level. `previous` is the debounced state: between two windows it decides.

    Windows are closed (11..13 V is A), the volt between two is hysteresis, and 2.0 V is E. In
    7..8 V only a car that was already powered keeps C. IEC 61851-1 Table A.4.
    """
    if hi_mv > 4_000:
        if hi_mv >= 8_000:
            if hi_mv > 13_000:
                return PilotState.INVALID
            if hi_mv >= 11_000 or (hi_mv > 10_000 and previous is PilotState.A):
                return PilotState.A
            return PilotState.B
        if hi_mv > 7_000:
            return PilotState.C if previous in POWERED else PilotState.B
        if hi_mv >= 5_000 or previous in _ABC:
            return PilotState.C
        return PilotState.D
    if hi_mv > 2_000:
        return PilotState.D
    if hi_mv >= -1_000 or (hi_mv > -2_000 and previous in _A_TO_E):
        return PilotState.E
    if -13_000 <= hi_mv <= -11_000 or (-11_000 < hi_mv < -10_000 and previous is PilotState.F):
        return PilotState.F
    return PilotState.INVALID


class Debounced(msgspec.Struct, frozen=True, gc=False):
    """The believed pilot state, and the one that is asking to replace it."""

    state: PilotState = PilotState.UNKNOWN
    candidate: PilotState | None = None
    since_ms: int | None = None
    """When the candidate was first seen."""


def leaves_at_once(old: PilotState, new: PilotState) -> bool:
    """Is this change believed after the short time? Losing C/D, and any A, E, F or INVALID."""
    return new in _AT_ONCE or (old in POWERED and new not in POWERED)


def debounce(
    pilot: Debounced, band: PilotState | None, now_ms: int, *, in_ms: int, out_ms: int
) -> Debounced:
    """Fast out, slow in: believe `band` when it was seen at least twice, `out_ms` or `in_ms` apart.

    No verdict (None) neither confirms nor resets. Only times count, never a number of samples, so
    equal samples may be skipped; the next moment that matters is `since_ms` plus either time.
    """
    if band is None:
        return pilot
    if band is pilot.state:
        return pilot if pilot.candidate is None else Debounced(band)
    if band is not pilot.candidate:
        return Debounced(pilot.state, band, now_ms)
    assert pilot.since_ms is not None
    span_ms = out_ms if leaves_at_once(pilot.state, band) else in_ms
    return Debounced(band) if now_ms - pilot.since_ms >= span_ms else pilot


def low_level_ok(lo_mv: int) -> bool:
    """Is the negative half-wave where a diode leaves it?"""
    return DIODE_LOW_MV[0] <= lo_mv <= DIODE_LOW_MV[1]


class DiodeCheck(msgspec.Struct, frozen=True, gc=False):
    """What one plug-in session has shown about the car's diode."""

    proven: bool = False
    """-12 V was seen with PWM on: asked for at least once before closing."""
    bad: bool = False
    """The low level was wrong for the confirmation time; for the rest of the session."""
    since_ms: int | None = None
    """When it was first seen wrong, and never right since."""


def check_diode(
    diode: DiodeCheck, low_ok: bool | None, now_ms: int, *, confirm_ms: int
) -> DiodeCheck:
    """Take one look at the low half-wave; None (not caught this time) changes nothing."""
    if low_ok is None:
        return diode
    if diode.bad:
        return diode
    if low_ok:
        return diode if diode == _HEALTHY else _HEALTHY
    if diode.since_ms is None:
        return DiodeCheck(proven=diode.proven, since_ms=now_ms)
    return DiodeCheck(bad=True) if now_ms - diode.since_ms >= confirm_ms else diode


_HEALTHY = DiodeCheck(proven=True)
