"""Rules of single variables that no range can express; each raises ValueError in words."""

from __future__ import annotations

import re
from collections.abc import Callable

from ocpp_link.device.values import Value
from ocpp_link.metering.measurands import MEASURANDS, is_supported

MAX_MEASURANDS = 22
ROTATIONS = frozenset({"NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR"})
_OFFSET = re.compile(r"[+-](0[0-9]|1[0-4]):[0-5][0-9]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Check = Callable[[Value], Value]


def _measurands(value: Value) -> Value:
    """One that is not supported refuses the whole list: servers probe them one by one."""
    assert isinstance(value, tuple)
    canonical = {name.casefold(): name for name in MEASURANDS}
    wanted = tuple(canonical.get(name.casefold(), name) for name in value)
    if len(wanted) > MAX_MEASURANDS or not all(is_supported(name) for name in wanted):
        raise ValueError("too many measurands, or one that is not supported")
    return wanted


def _phase_rotation(value: Value) -> Value:
    """`connector.rotation` each (OCPP 1.6 §9.1.8)."""
    assert isinstance(value, tuple)
    for entry in value:
        connector, _, rotation = entry.partition(".")
        if not connector.isascii() or not connector.isdigit() or rotation not in ROTATIONS:
            raise ValueError(f"{entry[:40]!r} is no connector and rotation such as 1.RST")
    return value


def _time_offset(value: Value) -> Value:
    if value and not _OFFSET.fullmatch(str(value)):
        raise ValueError("an offset such as +01:00")
    return value


def _language(value: Value) -> Value:
    if value and not _LANGUAGE.fullmatch(str(value)):
        raise ValueError("a language tag such as en or de-AT")
    return value


def _unchecked(value: Value) -> Value:
    return value


CHECKS: dict[str, Check] = {
    "": _unchecked,
    "measurands": _measurands,
    "phase_rotation": _phase_rotation,
    "time_offset": _time_offset,
    "language": _language,
    "date_time": _unchecked,
}
