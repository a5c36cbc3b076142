"""MeterValueType of OCPP 2.0.1 (J01, J02; part 2 §2.34, §2.42), and what is told of it when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ocpp_link.device.settings import Settings
from ocpp_link.metering.measurands import ENERGY, MEASURANDS, Measured, measured, split
from ocpp_link.metering.signed import Seal, seal_of, signed_begin, signed_part
from ocpp_link.records import RecordKind, SampleContext, TxRecord

MeterValue = dict[str, Any]

KNOWN = frozenset(MEASURANDS) - {"Temperature"}
"""Of the measurands that there are here, those for which this version has a word (part 2 §3.50)."""
MAX_CHARS = 50_000
"""Of the values that go with a transaction's end, in a frame of 65 000."""
OF_THE_END = frozenset({SampleContext.PERIODIC, SampleContext.CLOCK})
"""Of the samples that were noted for the end: the others were told when they were taken."""


def meter_values(record: TxRecord, settings: Settings) -> list[MeterValue]:
    """What is told with a record; empty where there is nothing to say."""
    if record.kind is RecordKind.FINISHED:
        return _of_end(record, settings)
    seal = seal_of(record, settings)
    value = _meter_value(record, _listed(record, settings), _context(record), seal)
    return [value] if value else []


def _listed(record: TxRecord, settings: Settings) -> tuple[str, ...]:
    """E01.FR.09; F06.FR.06: what is asked for outside a transaction is as on the grid; J01.FR.14,
    J02.FR.11."""
    if record.kind is RecordKind.STARTED:
        return settings.start_measurands
    if record.context is SampleContext.CLOCK or not record.session:
        return settings.aligned_measurands
    return settings.sampled_measurands


def _context(record: TxRecord) -> SampleContext:
    return SampleContext.BEGIN if record.kind is RecordKind.STARTED else record.context


def _of_end(record: TxRecord, settings: Settings) -> list[MeterValue]:
    """E06.FR.11, J02.FR.20: the samples since the start, then the end itself. Where it is too much
    every second sample goes, never the end. Where no measurand is configured the end tells the
    register all the same: a transaction's energy would be nobody's to know."""
    sampled, aligned = settings.stop_sampled_measurands, settings.stop_aligned_measurands
    lists = {SampleContext.PERIODIC: sampled, SampleContext.CLOCK: aligned}
    found = [
        value
        for each in record.samples
        if each.context in OF_THE_END
        and (value := _meter_value(each, lists[each.context], each.context))
    ]
    of_end, seal = sampled if sampled or aligned else (ENERGY,), seal_of(record, settings)
    end = _meter_value(record, of_end, SampleContext.END, seal)
    while found and len(msgspec.json.encode(found)) > MAX_CHARS:
        found = found[1::2]
    started = None if seal is Seal.NONE else signed_begin(record)
    begin = _meter_value(started, (ENERGY,), SampleContext.BEGIN, seal) if started else None
    return [*([begin] if begin else []), *found, *([end] if end else [])]


def _meter_value(
    record: TxRecord, listed: Iterable[str], context: SampleContext, seal: Seal = Seal.NONE
) -> MeterValue | None:
    wanted = [name for name in listed if split(name)[0] in KNOWN]
    values = [_sample(each, context, seal) for each in measured(record, wanted)]
    return {"timestamp": record.timestamp, "sampledValue": values} if values else None


def _sample(found: Measured, context: SampleContext, seal: Seal) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "value": round(found.value, 3),
        "context": context.value,
        "measurand": found.measurand,
        "location": found.location,
    }
    if found.signed and (part := signed_part(found.signed, seal)):
        sample["signedMeterValue"] = part
    if found.unit:
        sample["unitOfMeasure"] = {"unit": found.unit}
    if found.phase:
        sample["phase"] = found.phase
    return sample
