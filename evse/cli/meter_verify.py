"""`evse meter verify FILE --key KEY`: does a signed record fit the meter's key, and what it says.

Exit code 0: the signature fits and the energy may be billed from; 1: it does not, or may not, or
the record can not be read.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from drivers.errors import OcmfError
from drivers.metering.ocmf import OcmfRecord, Reading, parse
from drivers.metering.ocmf_judge import Judgement, Weight, judge
from drivers.metering.ocmf_verify import Verdict, verify

LONGEST_FILE = 1_000_000
"""Bytes that are read of one."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, nargs="+", help="OCMF, plain or Base64; - is the standard input; "
        "where begin and end are in files of their own, both, the begin first",
    )  # fmt: skip
    parser.add_argument(
        "--key", required=True, help="the meter's public key as printed on it, hexadecimal"
    )


def run(arguments: argparse.Namespace) -> int:
    records: list[OcmfRecord] = []
    verdicts: list[Verdict] = []
    for path in arguments.file:
        try:
            record = parse(_unwrapped(_read(path)))
            verdict = verify(record, arguments.key)
        except (OcmfError, OSError) as error:
            says = error.strerror if isinstance(error, OSError) else str(error)
            print(_plain(f"{path}: can not be checked: {says}"), file=sys.stderr)
            return 1
        records.append(record)
        verdicts.append(verdict)
        print(_plain(_verdict_line(path, record, verdict)))
    judgement = judge(records)
    _print_readings(records)
    _print_remarks(judgement)
    holds = judgement.holds and all(verdict.valid for verdict in verdicts)
    print(_result(judgement, holds))
    return 0 if holds else 1


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read(LONGEST_FILE)
    with path.open("rb") as file:
        return file.read(LONGEST_FILE)


def _unwrapped(data: bytes) -> bytes:
    """A back office shows the record in Base64."""
    if data.strip().startswith(b"OCMF"):
        return data
    try:
        inner = base64.b64decode(re.sub(rb"\s", b"", data), validate=True)
    except (binascii.Error, ValueError):
        return data
    return inner if inner.startswith(b"OCMF") else data


def _verdict_line(path: Path, record: OcmfRecord, verdict: Verdict) -> str:
    outcome = "VALID" if verdict.valid else f"NOT VALID, {verdict.why}"
    return f"{path}: {record.payload.pagination}: signature {outcome} ({verdict.algorithm})"


def _print_readings(records: Sequence[OcmfRecord]) -> None:
    first = records[0].payload
    meter = " ".join(part for part in (first.vendor, first.model, first.serial) if part)
    print(f"\nmeter    {_plain(meter or first.gateway_serial or 'not named')}")
    if first.identified is not None:
        who = first.identification_data or "-"
        print(_plain(f"customer {who} ({first.identification_type or 'of no type'})"))
    if first.charge_point:
        print(_plain(f"point    {first.charge_point} ({first.charge_point_type})"))
    print(
        f"\n{'time':<26}{'clock':<14}{'reason':<16}{'value':>14} {'unit':<5}{'register':<18}state"
    )
    for record in records:
        for reading in record.readings:
            print(_plain(_reading_line(reading)))


def _reading_line(reading: Reading) -> str:
    reason = "" if reading.reason is None else reading.reason.name.lower()
    value = "-" if reading.value is None else f"{reading.value:f}"
    state = reading.state.name.lower() + (f" EF={reading.error_flags}" * bool(reading.error_flags))
    time, clock = reading.time.isoformat(timespec="seconds"), reading.time_state.name.lower()
    register = reading.identification
    return f"{time:<26}{clock:<14}{reason:<16}{value:>14} {reading.unit:<5}{register:<18}{state}"


def _print_remarks(judgement: Judgement) -> None:
    print()
    for remark in judgement.remarks:
        print(f"{'wrong' if remark.weight is Weight.FAULT else 'note'}: {_plain(remark.says)}")


def _result(judgement: Judgement, holds: bool) -> str:
    if not holds:
        return "result: NOT to be billed from"
    duration = judgement.end.time - judgement.begin.time
    return f"result: {(judgement.energy_wh or 0) / 1000:f} kWh in {duration}"


def _plain(text: str) -> str:
    """Nothing in a record may act on the terminal that it is shown on."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
