"""Do the records of a transaction, taken together, say how much energy flowed? Pure.

A signature says that a meter wrote the text; whether the text holds together is another matter
(Open Charge Metering Format, "Signing and Verification Process"): one source, pages without a gap,
begin first and end last, a counter that never falls, a meter without error. Law is not judged.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from drivers.metering.ocmf import OcmfRecord, Reading
from drivers.metering.ocmf_words import ENDS, MeterState, Reason, TimeState
from evse.types.ocmf import OCMFIdentificationType

KNOWN_MAJORS = ("0", "1")
EXPORT = re.compile(r"[0-9a-f]+-[0-9a-f]+:0*(2|c[0-3])\.0*8\.", re.IGNORECASE)
"""OBIS codes of energy that came from the car: 2.8 of IEC 62056-6-1, C0 to C3 of Table 25."""


class Weight(enum.IntEnum):
    NOTE = 0
    """To know; the energy stands."""
    FAULT = 1
    """Not to be billed from."""


class Remark(msgspec.Struct, frozen=True):
    weight: Weight
    says: str


class Judgement(msgspec.Struct, frozen=True):
    """`energy_wh`: from the first reading to the last; None where none can be told."""

    remarks: tuple[Remark, ...]
    begin: Reading
    end: Reading
    energy_wh: Decimal | None

    @property
    def holds(self) -> bool:
        """May it be billed from?"""
        return self.energy_wh is not None and not any(
            r.weight is Weight.FAULT for r in self.remarks
        )


def judge(records: Sequence[OcmfRecord]) -> Judgement:
    """The records of one transaction, in their order. Raises ValueError for none.

    A record may tell of several registers at each of its moments; each is followed by itself, and
    the energy is that of the first that counts what the car took.
    """
    if not records:
        raise ValueError("there is no record to judge")
    readings = [reading for record in records for reading in record.readings]
    registers: dict[str, list[Reading]] = {}
    for reading in readings:
        registers.setdefault(reading.identification, []).append(reading)
    counting = [
        register
        for name, register in registers.items()
        if not EXPORT.match(name) and all(each.value_wh is not None for each in register)
    ]
    remarks = [
        *_source(records),
        *_pages(records),
        *_person(records),
        *(remark for number, each in enumerate(readings, 1) for remark in _one(each, number)),
        *(remark for register in registers.values() for remark in _register(register)),
    ]
    if not counting:
        remarks.append(_fault("no register counts an imported energy in Wh or kWh (RI, RV, RU)"))
    billed = counting[0] if counting else readings
    energy_wh = _energy_wh(billed[0], billed[-1]) if counting else None
    return Judgement(tuple(remarks), billed[0], billed[-1], energy_wh)


def _fault(says: str) -> Remark:
    return Remark(Weight.FAULT, says)


def _note(says: str) -> Remark:
    return Remark(Weight.NOTE, says)


def _energy_wh(begin: Reading, end: Reading) -> Decimal | None:
    if begin is end or begin.value_wh is None or end.value_wh is None:
        return None
    return end.value_wh - begin.value_wh


def _source(records: Sequence[OcmfRecord]) -> Iterator[Remark]:
    payloads = [each.payload for each in records]
    if len({(p.vendor, p.model, p.serial, p.gateway_serial) for p in payloads}) > 1:
        yield _fault("the records are of different meters (MV, MM, MS, GS)")
    if len({(p.charge_point_type, p.charge_point) for p in payloads}) > 1:
        yield _fault("the records are of different charge points (CT, CI)")
    if any(p.serial == p.gateway_serial == "" for p in payloads):
        yield _fault("no serial number says whose readings they are (MS, GS)")
    for record in records:
        version = record.payload.format_version
        if version and version.partition(".")[0] not in KNOWN_MAJORS:
            yield _note(f"format version {version} is newer than what is known here")


def _pages(records: Sequence[OcmfRecord]) -> Iterator[Remark]:
    if any(each.payload.context != "T" for each in records):
        yield _fault("a record is of no transaction (PG begins with F)")
    for before, after in itertools.pairwise(records):
        if after.payload.page != before.payload.page + 1:
            pages = f"{before.payload.pagination} is followed by {after.payload.pagination}"
            yield _fault(f"a record is missing or out of order: {pages}")


def _person(records: Sequence[OcmfRecord]) -> Iterator[Remark]:
    first = records[0].payload
    if first.identified is None:
        yield _note("it does not say who charged (IS is missing)")
    elif not first.identified:
        yield _note("nobody was identified (IS is false)")
    if first.identification_type not in ("", *OCMFIdentificationType):
        yield _note(f"identification type {first.identification_type} is none of the format's")
    names = {(e.payload.identification_type, e.payload.identification_data) for e in records}
    if len(names) > 1:
        yield _fault("the records name different customers (IT, ID)")


def _one(reading: Reading, number: int) -> Iterator[Remark]:
    where = f"reading {number}"
    if reading.state is not MeterState.OK:
        yield _fault(f"{where}: the meter was in state {reading.state.name.lower()} (ST)")
    if reading.reason is Reason.EXCEPTION:
        yield _fault(f"{where}: an error while charging, nothing counts from here on (TX is X)")
    if "E" in reading.error_flags:
        yield _fault(f"{where}: the meter says that its energy can not be used (EF)")
    if "t" in reading.error_flags:
        yield _note(f"{where}: the meter says that its time can not be used (EF)")
    if reading.time_state in (TimeState.UNKNOWN, TimeState.INFORMATIVE):
        yield _note(f"{where}: its time is {reading.time_state.name.lower()}, not synchronised")


def _register(readings: Sequence[Reading]) -> Iterator[Remark]:
    name = f"register {readings[0].identification or 'without a name'}"
    if readings[0].reason is not Reason.BEGIN:
        yield _fault(f"{name}: its first reading begins no transaction (TX is not B)")
    if readings[-1].reason not in ENDS:
        yield _fault(f"{name}: its last reading ends no transaction (TX is none of E L R A P)")
    if any(each.reason is Reason.BEGIN or each.reason in ENDS for each in readings[1:-1]):
        yield _fault(f"{name}: another begin or end lies between its first and its last")
    for before, after in itertools.pairwise(readings):
        if after.time < before.time:
            yield _fault(f"{name}: a reading is older than the one before it (TM)")
        if _fell(before, after):
            yield _fault(f"{name}: ran back from {before.value} to {after.value} {after.unit}")


def _fell(before: Reading, after: Reading) -> bool:
    if before.value_wh is None or after.value_wh is None:
        return False
    return after.value_wh < before.value_wh
