"""How the demonstration ends: the bill, held against what the metal says."""

from __future__ import annotations

import msgspec

from hil.csms.brain import BillLine
from hil.demo.stage import DemoFailed, Metal, Stage, metal
from hil.demo.story import Pace, tell
from hil.trace import Trace

ROUNDING_WH = 1.0
"""A bill's registers are whole Wh, both rounded down (OCPP 1.6 §6.45, §6.49)."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a demonstration."""

    trace: Trace
    bill: tuple[tuple[str, str], ...] = ()
    """(what, how much); empty when something did not go as told."""
    mistakes: tuple[str, ...] = ()
    """What did not go as told, in sentences."""


async def play(stage: Stage, pace: Pace) -> Ending:
    """The story, up to the last line of the timeline."""
    try:
        await tell(stage, pace)
        truth = await metal(stage)
    except DemoFailed as error:
        return Ending(trace=stage.trace, mistakes=(str(error),))
    finally:
        stage.show(stage.clock.now_ms() + 1)
    mistakes = tuple(findings(stage, truth))
    bill = () if mistakes else tuple(bill_rows(stage, truth))
    return Ending(trace=stage.trace, bill=bill, mistakes=mistakes)


def findings(stage: Stage, truth: Metal) -> list[str]:
    """What is wrong with the bill, the metal or the messages, in sentences."""
    found = [f"the back office complains: {complaint}" for complaint in stage.brain.complaints]
    found += [
        f"the metal was where it must never be: {violation}" for violation in truth.violations
    ]
    if truth.energised:
        found.append("the contactor is still closed")
    lines = stage.brain.bill_lines()
    if len(lines) != 1:
        return [*found, f"there is one car, and {len(lines)} transactions"]
    billed_wh = lines[0].energy_wh
    if billed_wh is None:
        return [*found, "the transaction has no end"]
    if abs(billed_wh - truth.energy_wh) > ROUNDING_WH:
        found.append(f"the bill says {billed_wh} Wh, and {truth.energy_wh:.1f} Wh have flowed")
    return found


def bill_rows(stage: Stage, truth: Metal) -> list[tuple[str, str]]:
    """The bill as the back office has it, and what the metal says to it."""
    (line,) = stage.brain.bill_lines()
    billed_wh = line.energy_wh or 0
    tariff = stage.brain.tariff_per_kwh
    return [
        ("card", line.id_tag),
        ("time", f"{line.duration_s or 0:.0f} s"),
        ("register", f"{line.start_wh} Wh at the start, {line.stop_wh} Wh at the stop"),
        ("energy", f"{billed_wh / 1000:.3f} kWh"),
        ("price", f"{_euro(line, tariff)} at {tariff:.2f} €/kWh"),
        ("the metal says", f"{truth.energy_wh:.1f} Wh went through the contactor"),
        ("told", f"{line.samples} meter values, 1 transaction, nothing twice"),
    ]


def _euro(line: BillLine, tariff: float) -> str:
    return f"{line.price(tariff) or 0:.2f} €"
