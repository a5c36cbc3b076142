"""OCMF, the Open Charge Metering Format: what a signed record says, read strictly. Pure.

`OCMF|{payload}|{signature}`. The payload is kept byte by byte as it was sent, since that is what
was signed; nothing here ever writes it anew. Source: Open Charge Metering Format 1.x (SAFE e.V.,
OCMF-en.md); tables named below are its.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from drivers.errors import OcmfMalformed
from drivers.metering.ocmf_words import MeterState, Reason, TimeState

HEADER = b"OCMF|"
LONGEST_RECORD = 65_536
"""Bytes; records of real meters have 400 to 2 500 (own)."""
MOST_READINGS = 1_000
"""In one record (own)."""
MOST_DIGITS = 30
"""Of a number (own)."""
DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256"
"""Where the record names none (Table 22)."""

_PRINTED = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[,.](\d{3})(Z|[+-]\d\d:?\d\d) ([UISR])", re.ASCII
)
Number = Annotated[Decimal, Meta(description="as printed: its decimal places say how exact it is")]
Text = Annotated[str, Meta(max_length=1_000)]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One reading; what it left out because the one before it said the same is filled in."""

    time: datetime
    time_state: TimeState
    reason: Reason | None = None
    """None: outside any transaction."""
    value: Decimal | None = None
    unit: str = ""
    identification: str = ""
    """OBIS code of the quantity."""
    current_type: str = ""
    error_flags: str = ""
    """`E`: the energy can not be used; `t`: the time can not."""
    state: MeterState

    @property
    def value_wh(self) -> Decimal | None:
        """The value where it is an energy."""
        factor = {"Wh": 1, "kWh": 1_000}.get(self.unit)
        return None if factor is None or self.value is None else self.value * factor


class _Reading(msgspec.Struct, frozen=True, kw_only=True):
    """As it stands in the record."""

    time: Text | None = field(name="TM", default=None)
    reason: Reason | None = field(name="TX", default=None)
    value: Number | None = field(name="RV", default=None)
    unit: Text | None = field(name="RU", default=None)
    identification: Text | None = field(name="RI", default=None)
    current_type: Text | None = field(name="RT", default=None)
    error_flags: Text | None = field(name="EF", default=None)
    state: MeterState | None = field(name="ST", default=None)


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed. Fields of later minor versions and of makers (U to Z) are passed over."""

    format_version: Text = field(name="FV", default="")
    gateway: Text = field(name="GI", default="")
    gateway_serial: Text = field(name="GS", default="")
    gateway_version: Text = field(name="GV", default="")
    pagination: Annotated[str, Meta(pattern=r"^[TF](0|[1-9][0-9]{0,17})\Z")] = field(name="PG")
    vendor: Text = field(name="MV", default="")
    model: Text = field(name="MM", default="")
    serial: Text = field(name="MS", default="")
    firmware: Text = field(name="MF", default="")
    identified: bool | None = field(name="IS", default=None)
    identification_level: Text = field(name="IL", default="")
    identification_flags: Annotated[tuple[Text, ...], Meta(max_length=16)] = field(
        name="IF", default=()
    )
    identification_type: Text = field(name="IT", default="")
    identification_data: Text = field(name="ID", default="")
    tariff_text: Text = field(name="TT", default="")
    charge_point_type: Text = field(name="CT", default="")
    charge_point: Text = field(name="CI", default="")
    raw_readings: Annotated[tuple[_Reading, ...], Meta(min_length=1, max_length=MOST_READINGS)] = (
        field(name="RD")
    )

    @property
    def context(self) -> str:
        """`T`: of transactions; `F`: fiscal, outside them."""
        return self.pagination[0]

    @property
    def page(self) -> int:
        return int(self.pagination[1:])


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The signature section (Table 8)."""

    algorithm: Text = field(name="SA", default=DEFAULT_ALGORITHM)
    encoding: Literal["hex", "base64"] = field(name="SE", default="hex")
    mime_type: Literal["application/x-der"] = field(name="SM", default="application/x-der")
    data: Annotated[str, Meta(min_length=2, max_length=1_000)] = field(name="SD")


class OcmfRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record."""

    signed: bytes
    """Exactly the bytes that the signature is over."""
    payload: Payload
    readings: tuple[Reading, ...]
    signature: Signature


def parse(data: bytes | str) -> OcmfRecord:
    """The record in `data`; white space around it is dropped. Raises OcmfMalformed, which says
    what is wrong and where."""
    raw = (data.encode() if isinstance(data, str) else data).strip()
    if len(raw) > LONGEST_RECORD:
        raise OcmfMalformed(f"{len(raw)} bytes are more than any record has ({LONGEST_RECORD})")
    if not raw.startswith(HEADER):
        raise OcmfMalformed("it does not begin with OCMF|")
    sections = raw.split(b"|")
    if len(sections) != 3:
        raise OcmfMalformed(f"it has {len(sections)} sections between its bars |, not 3")
    _, signed, seal = sections
    payload = _section(signed, Payload, "payload")
    return OcmfRecord(
        signed=signed,
        payload=payload,
        readings=tuple(_filled_in(payload.raw_readings)),
        signature=_section(seal, Signature, "signature"),
    )


def _section(text: bytes, type_: Any, name: str) -> Any:
    try:
        values = json.loads(
            text.decode(),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_number,
            object_pairs_hook=_object,
        )
        return msgspec.convert(values, type_)
    except (ValueError, RecursionError) as error:  # msgspec's and the decoders' are ValueErrors
        raise OcmfMalformed(f"{name}: {error}") from error


def _number(text: str) -> Decimal:
    """Kept as printed."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")  # an exponent beyond all that can be held
    if not _is_sane(number):
        raise ValueError(f"{text[:20]} is no meter's number")
    return number


def _is_sane(number: Decimal) -> bool:
    """A wild exponent, written out, would fill the memory."""
    if not number.is_finite():
        return False
    return len(number.as_tuple().digits) <= MOST_DIGITS and abs(number.adjusted()) <= MOST_DIGITS


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = _once_each(pairs)
    if isinstance(printed := values.get("RV"), str):  # some meters print it as a text
        if not _PRINTED.fullmatch(printed):
            raise ValueError(f"RV {printed[:20]!r} is no meter's number")
        values["RV"] = _number(printed)
    return values


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers might take different ones of two values; a signed text must mean one thing."""
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:20]} is there twice")
    return values


def _filled_in(raw: Sequence[_Reading]) -> Iterator[Reading]:
    """What a reading leaves out is as in the one before it (Readings)."""
    before = _Reading()
    for number, each in enumerate(raw, start=1):
        given = {k: v for k, v in msgspec.structs.asdict(each).items() if v is not None}
        before = msgspec.structs.replace(before, **given)
        yield _reading(before, number)


def _reading(raw: _Reading, number: int) -> Reading:
    if raw.state is None:
        raise OcmfMalformed(f"payload: reading {number} has no state of the meter (ST)")
    time, time_state = _time(raw.time or "", number)
    return Reading(
        time=time,
        time_state=time_state,
        reason=raw.reason,
        value=raw.value,
        unit=raw.unit or "",
        identification=raw.identification or "",
        current_type=raw.current_type or "",
        error_flags=raw.error_flags or "",
        state=raw.state,
    )


def _time(text: str, number: int) -> tuple[datetime, TimeState]:
    found = _TIME.fullmatch(text)
    where = f"payload: TM of reading {number}, {text[:40]!r}"
    if found is None:
        raise OcmfMalformed(f"{where}: not as 2018-07-24T13:22:04,000+0200 S")
    try:
        time = datetime.fromisoformat(f"{found[1]}.{found[2]}{found[3]}")
    except ValueError as error:
        raise OcmfMalformed(f"{where}: {error}") from error
    return time, TimeState(found[4])
