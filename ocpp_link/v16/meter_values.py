"""MeterValue of OCPP 1.6 (§7.29 to §7.35)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ocpp_link.device.settings import Settings
from ocpp_link.metering.measurands import ENERGY, Measured, measured, number
from ocpp_link.metering.signed import Seal, seal_of, signed_begin, signed_part
from ocpp_link.records import RecordKind, SampleContext, TxRecord

Sample = dict[str, str]
MeterValue = dict[str, Any]

MAX_TRANSACTION_DATA = 50_000
"""Characters that transactionData may take: a frame of 65 000 passes every back office known."""


def meter_value(
    record: TxRecord, measurands: Iterable[str], seal: Seal = Seal.NONE
) -> MeterValue | None:
    """A MeterValue, or None where there is nothing to say: an empty one is not allowed."""
    values = []
    for found in measured(record, measurands):
        values.append(_sample(found, record.context))
        if found.signed and (part := signed_part(found.signed, seal)):
            values.append(_signed(values[-1], part))
    return {"timestamp": record.timestamp, "sampledValue": values} if values else None


def wanted_in_sample(record: TxRecord, settings: Settings) -> tuple[str, ...]:
    """Of MeterValues. Samples that are to be sent hold the register at least (§9.1.17, TC_070); so
    do those that a cost is reckoned from."""
    if record.context is SampleContext.BEGIN:
        return settings.begin_measurands
    on_grid = record.context is SampleContext.CLOCK
    listed = settings.aligned_measurands if on_grid else settings.sampled_measurands
    if record.context is SampleContext.OTHER and ENERGY not in listed:
        return (ENERGY, *listed)
    return listed or (ENERGY,)


def transaction_data(record: TxRecord, settings: Settings) -> list[MeterValue]:
    """What StopTransaction tells once more: begin, samples, end. Empty where both lists are
    (§3.16.5). Where it is too much every second sample goes, never begin or end (errata 3.14)."""
    sampled, aligned = settings.stop_sampled_measurands, settings.stop_aligned_measurands
    if not (sampled or aligned):
        return []
    both = tuple(dict.fromkeys(sampled + aligned))
    ends = (SampleContext.BEGIN, SampleContext.END)
    lists = dict.fromkeys(ends, both) | {SampleContext.CLOCK: aligned}
    found = [
        value
        for each, seal in _with_end(record, settings)
        if (value := meter_value(each, lists.get(each.context, sampled), seal))
    ]
    while len(found) > len(ends) and len(msgspec.json.encode(found)) > MAX_TRANSACTION_DATA:
        found = [found[0], *found[1:-1][1::2], found[-1]]
    return found


def _with_end(record: TxRecord, settings: Settings) -> Iterator[tuple[TxRecord, Seal]]:
    """What is told with an end, and what of the meter's signatures goes with each of it."""
    seal, begin = seal_of(record, settings), signed_begin(record)
    for each in record.samples:
        signed = begin is not None and each.kind is RecordKind.STARTED
        yield (begin, seal) if begin is not None and signed else (each, Seal.NONE)
    yield record, seal


def _signed(sample: Sample, part: dict[str, str]) -> Sample:
    """The same value in SignedMeterValueType (OCA, Signed Meter Values in OCPP 1.0, 3.2.1)."""
    return sample | {"format": "SignedData", "value": msgspec.json.encode(part).decode()}


def _sample(found: Measured, context: str) -> Sample:
    """Servers differ in what they take for granted, so that nothing is left to their defaults."""
    sample = {
        "value": number(found.value),
        "context": context,
        "measurand": found.measurand,
        "location": found.location,
    }
    if found.unit:
        sample["unit"] = found.unit
    if found.phase:
        sample["phase"] = found.phase
    return sample
