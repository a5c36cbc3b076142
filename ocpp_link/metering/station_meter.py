"""Connector 0: what all EVSEs together take from the supply, as far as that is known.

The lines of the supply get what each EVSE's phases take by its ConnectorPhaseRotation: with `1.STR`
the first phase of EVSE 1 hangs on the supply's second line. An EVSE whose rotation nobody told
leaves the totals, and takes the values of the single lines away. Pure.

Sources: OCPP 1.6 §4.7 (1), §9.1.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import UNSET, UnsetType

from evse.types.powermeter import Current, Energy, Power, Powermeter

LINES = "RST"
Lines = tuple[float, float, float]
Phased = Power | Current


def sum_of(
    readings: Mapping[int, Powermeter | None], rotations: Sequence[str], at: str
) -> Powermeter | None:
    """By EVSE; None where that of one is missing: a part is not the whole."""
    known = {evse: meter for evse, meter in readings.items() if meter is not None}
    if len(known) < len(readings) or not known:
        return None
    rotation = dict(entry.split(".", 1) for entry in rotations)
    turned = [(meter, rotation.get(str(evse), "")) for evse, meter in known.items()]
    meters = list(known.values())
    amps = _lines(turned, lambda meter: meter.current_A)
    return Powermeter(
        timestamp=at,
        energy_Wh_import=Energy(total=sum(meter.energy_Wh_import.total for meter in meters)),
        energy_Wh_export=_exported(meters),
        power_W=_power(turned, meters),
        current_A=UNSET if amps is None else Current(L1=amps[0], L2=amps[1], L3=amps[2]),
    )


def _exported(meters: Sequence[Powermeter]) -> Energy | UnsetType:
    found = [meter.energy_Wh_export for meter in meters]
    known = [export.total for export in found if export is not UNSET]
    return Energy(total=sum(known)) if len(known) == len(found) else UNSET


def _power(
    turned: Sequence[tuple[Powermeter, str]], meters: Sequence[Powermeter]
) -> Power | UnsetType:
    totals = [meter.power_W.total for meter in meters if meter.power_W is not UNSET]
    if len(totals) < len(meters):
        return UNSET
    watts = _lines(turned, lambda meter: meter.power_W)
    if watts is None:
        return Power(total=sum(totals))
    return Power(total=sum(totals), L1=watts[0], L2=watts[1], L3=watts[2])


def _lines(
    turned: Sequence[tuple[Powermeter, str]],
    values: Callable[[Powermeter], Phased | UnsetType],
) -> Lines | None:
    """What the three lines of the supply carry."""
    found = [_on_lines(values(meter), rotation) for meter, rotation in turned]
    known = [lines for lines in found if lines is not None]
    if len(known) < len(found):
        return None
    return (
        sum(lines[0] for lines in known),
        sum(lines[1] for lines in known),
        sum(lines[2] for lines in known),
    )


def _on_lines(values: Phased | UnsetType, rotation: str) -> Lines | None:
    """What one EVSE puts on each line. A phase that its meter does not have carries nothing."""
    if values is UNSET or sorted(rotation) != sorted(LINES):
        return None
    phases = [0.0 if phase is UNSET else phase for phase in (values.L1, values.L2, values.L3)]
    r, s, t = (phases[rotation.index(line)] for line in LINES)
    return r, s, t
