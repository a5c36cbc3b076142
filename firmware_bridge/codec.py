"""Messages to payloads and back, by the table, and the hash that two ends compare."""

from __future__ import annotations

import zlib

from firmware_bridge.errors import MessageError
from firmware_bridge.layout import Layout
from firmware_bridge.messages import Message
from firmware_bridge.table import TABLE

PROTOCOL_VERSION = 1
"""Changes when a rule of the link changes; the table has its own hash."""


def _schema(table: tuple[Layout, ...]) -> str:
    """Everything that two ends must agree on, as text; words for people are left out."""
    lines = []
    for layout in table:
        lines.append(f"{layout.type_id:02x} {layout.name} {layout.sender.value}")
        for field in layout.fields:
            members = " ".join(f"{name}={value}" for name, value in field.kind.members)
            lines.append(f"  {field.name} {field.kind.code} {field.kind.name} {members}".rstrip())
    return "\n".join(lines)


def schema_hash(table: tuple[Layout, ...]) -> int:
    """CRC-32 that changes with any change of `table` that the other end would feel."""
    return zlib.crc32(_schema(table).encode())


SCHEMA_HASH = schema_hash(TABLE)
"""Of this build; host and board must have the same."""

BY_TYPE = {layout.type_id: layout for layout in TABLE}
_BY_SHAPE = {layout.shape: layout for layout in TABLE}


def pack(message: Message) -> bytes:
    """The payload of `message`. Raises MessageError naming a field that cannot hold its value."""
    return _BY_SHAPE[type(message)].pack(message)


def layout_of(message: Message) -> Layout:
    """The rows of the table that describe `message`."""
    return _BY_SHAPE[type(message)]


def unpack(payload: bytes) -> Message:
    """The message in `payload` (at least one byte).

    Raises MessageError for an unknown type, a wrong length or a value outside its field.
    """
    layout = BY_TYPE.get(payload[0])
    if layout is None:
        raise MessageError(f"0x{payload[0]:02x} is no message type")
    return layout.unpack(payload)
