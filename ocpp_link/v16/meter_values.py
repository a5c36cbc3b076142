"""MeterValue of OCPP 1.6 (§7.29 to §7.35)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ocpp_link.measurands import Measured, measured, number
from ocpp_link.records import TxRecord

Sample = dict[str, str]


def meter_value(record: TxRecord, measurands: Iterable[str]) -> dict[str, Any] | None:
    """A MeterValue, or None where there is nothing to say: an empty one is not allowed."""
    values = [_sample(found, record.context) for found in measured(record, measurands)]
    return {"timestamp": record.timestamp, "sampledValue": values} if values else None


def _sample(found: Measured, context: str) -> Sample:
    """Servers differ in what they take for granted, so that nothing is left to their defaults."""
    sample = {
        "value": number(found.value),
        "context": context,
        "measurand": found.measurand,
        "location": "Outlet",
    }
    if found.unit:
        sample["unit"] = found.unit
    if found.phase:
        sample["phase"] = found.phase
    return sample
