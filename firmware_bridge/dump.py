"""Captures as lines for people: one line a message, and one for everything that was dropped."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator

import msgspec

from evse.model import CommandVerb
from firmware_bridge.capture import Direction, Record
from firmware_bridge.codec import layout_of, unpack
from firmware_bridge.errors import MessageError
from firmware_bridge.frames import Decoder
from firmware_bridge.messages import Message


def describe(message: Message) -> str:
    """`NAME field=value …`, in wire order, enumerations by name."""
    layout = layout_of(message)
    words = [
        f"{field.name}={_word(field.name, _value(message, field.path))}" for field in layout.fields
    ]
    return " ".join([layout.name, *words])


def dump(records: Iterable[Record]) -> Iterator[str]:
    """One line for each message, with time, direction, and words where a frame was dropped."""
    decoders = {direction: Decoder() for direction in Direction}
    for record in records:
        decoder = decoders[record.direction]
        prefix = f"{record.t_ms / 1000:12.3f} {record.direction.value}"
        errors = decoder.errors
        payloads = decoder.feed(record.data)
        if decoder.errors > errors:
            yield f"{prefix} ! {decoder.errors - errors} damaged: {record.data.hex()}"
        for payload in payloads:
            yield f"{prefix} {_line(payload)}"


def _line(payload: bytes) -> str:
    try:
        return describe(unpack(payload))
    except MessageError as error:
        return f"! {error}: {payload.hex()}"


def _value(message: Message, path: str) -> object:
    value: object = message
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _word(name: str, value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case enum.Flag():
            return "|".join(member.name or "?" for member in value) or "none"
        case enum.Enum():
            return value.name
        case int() if name == "verb" and value in _VERBS:
            return CommandVerb(value).name
        case int() if name in _HEXADECIMAL:
            return f"{value:08x}"
        case str():
            return msgspec.json.encode(value).decode()
        case _:
            return str(value)


_VERBS = frozenset(CommandVerb)
_HEXADECIMAL = frozenset({"schema_hash", "session", "boot_id", "config_crc"})
