"""Values of the device model as the text that every version of OCPP carries, and back."""

from __future__ import annotations

import enum
import re
from datetime import datetime

MAX_INTEGER = 2**31 - 1
_INTEGER = re.compile(r"[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?")

Value = bool | int | float | str | tuple[str, ...]


class DataType(enum.StrEnum):
    """Of OCPP 2.0.1 part 2 §3.24."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    STRING = "string"
    DATE_TIME = "dateTime"
    OPTION_LIST = "OptionList"
    MEMBER_LIST = "MemberList"
    SEQUENCE_LIST = "SequenceList"


LISTS = frozenset({DataType.MEMBER_LIST, DataType.SEQUENCE_LIST})


def text_of(value: Value) -> str:
    """As it is reported."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def parse(text: str, type_: DataType) -> Value:
    """Raises ValueError, in words, for a text that is no value of the type. Negative numbers are
    never one: nothing here can be less than zero (pitfall 31)."""
    match type_:
        case DataType.BOOLEAN:
            return _truth(text)
        case DataType.INTEGER:
            return _whole(text)
        case DataType.DECIMAL:
            return _fraction(text)
        case DataType.MEMBER_LIST | DataType.SEQUENCE_LIST:
            return _members(text)
        case DataType.DATE_TIME:
            if text:
                datetime.fromisoformat(text)
            return text
        case _:
            return text


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text[:40]!r} is neither true nor false")
    return text.lower() == "true"


def _whole(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > MAX_INTEGER:
        raise ValueError(f"{text[:40]!r} is no whole number from 0")
    return int(text)


def _fraction(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no decimal number from 0")
    return float(text)


def _members(text: str) -> tuple[str, ...]:
    members = tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    if "" in members or len(set(members)) != len(members):
        raise ValueError("a list names something twice, or nothing")
    return members
