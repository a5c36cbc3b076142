"""What the meter says, held against what the board says of the same current.

Pure. A meter may be frozen, wired to another line, or bypassed, and every one of its values be
plausible by itself. Two contradictions are seen: a current while the contactor is open, and none
while the board's own sensor measures one. Each must last, since the two are not of one instant.
The second stays until the car has left: with the contactor open both see nothing, and agree.
"""

from __future__ import annotations

from evse.metering.plausibility import Finding
from evse.model import MeterReading
from evse.supply import CALM, follow

FLOWS_A = 1.0
"""Current of a phase that is no standby (IEC 61851-1 Table A.6 sequence 7: "no load")."""
FLOWS_W = 230.0
"""The same for a meter that tells power alone (1 A at 230 V)."""
BOARD_FLOWS_MA = 3_000
"""Half of the least that can be offered: more than a current sensor's offset."""
DWELL_MS = 10_000
"""Longer than a contactor may take to open, and ten readings (own)."""


class CrossCheck:
    """One EVSE's meter against its board."""

    def __init__(self) -> None:
        self.forget()

    def take(
        self,
        reading: MeterReading,
        *,
        plugged: bool,
        energised: bool,
        board_ma: int | None,
        now_ms: int,
    ) -> None:
        """A reading. `energised`: coil or mirror is closed. `board_ma`: the largest phase current
        by the board, None where it measures none."""
        drawn = drawn_a(reading)
        flows = drawn is not None and drawn >= FLOWS_A
        unexplained = flows and not energised
        blind = (
            energised
            and drawn is not None
            and not flows
            and board_ma is not None
            and board_ma >= BOARD_FLOWS_MA
        )
        if self._calm and not (unexplained or blind):
            return
        self._look(Finding.FLOWS_WHILE_OPEN, unexplained, not unexplained, now_ms)
        self._look(Finding.SEES_NO_CURRENT, blind, not blind and not plugged, now_ms)

    def forget(self) -> None:
        """The meter or the board is lost: nothing to compare."""
        self._states = dict.fromkeys((Finding.FLOWS_WHILE_OPEN, Finding.SEES_NO_CURRENT), CALM)
        self._calm = True
        self.findings: frozenset[Finding] = frozenset()

    def _look(self, finding: Finding, bad: bool, good: bool, now_ms: int) -> None:
        before = self._states[finding]
        state = follow(before, bad=bad, good=good, now_ms=now_ms, dwell_ms=DWELL_MS)
        if state != before:
            self._states[finding] = state
            self._calm = all(each == CALM for each in self._states.values())
            self.findings = frozenset(f for f, each in self._states.items() if each.present)


def drawn_a(reading: MeterReading) -> float | None:
    """Largest phase current that the meter tells, else by its power; None: it tells neither."""
    known = [abs(amps) for amps in reading.current_a if amps is not None]
    if known:
        return max(known)
    return None if reading.power_w is None else abs(reading.power_w) / FLOWS_W * FLOWS_A
