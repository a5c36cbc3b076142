"""How one message of the table is packed and unpacked.

Everything is little-endian and unpadded, so that a packed C struct on a microcontroller has the
same bytes.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeAlias

import msgspec

from firmware_bridge.errors import MessageError
from firmware_bridge.fields import Field
from firmware_bridge.messages import Message

Converters: TypeAlias = Sequence[Callable[..., object] | None]


class Sender(enum.Enum):
    HOST = "host"
    BOARD = "board"


class Layout:
    """One message of the table: its type byte, who sends it, and its fields in wire order."""

    def __init__(
        self,
        type_id: int,
        name: str,
        sender: Sender,
        meaning: str,
        shape: type[Message],
        fields: tuple[Field, ...],
        *,
        nested: type[msgspec.Struct] | None = None,
        may_grow: bool = False,
    ) -> None:
        """`nested` is the type of the last attribute of `shape`, whose rows come last.

        `may_grow`: a receiver ignores bytes after those that it knows (the hello messages).
        Raises TypeError when the rows do not name exactly the attributes of the two types.
        """
        self.type_id = type_id
        self.name = name
        self.sender = sender
        self.meaning = meaning
        self.shape = shape
        self.fields = fields
        self.may_grow = may_grow
        self._make: Callable[..., Message] = shape
        self._make_nested: Callable[..., msgspec.Struct] | None = nested
        self._own = sum("." not in field.path for field in fields)
        self._struct = struct.Struct("<B" + "".join(field.kind.code for field in fields))
        self._values_of = attrgetter(*[field.path for field in fields])
        self._to_wire = [field.kind.to_wire for field in fields]
        self._from_wire = [field.kind.from_wire for field in fields]
        _demand_matching_rows(name, fields, shape, nested)

    @property
    def size(self) -> int:
        """Bytes of payload, type byte included."""
        return self._struct.size

    def pack(self, message: Message) -> bytes:
        """The payload. Raises MessageError naming the field that cannot hold its value."""
        values = self._values_of(message)
        try:
            return self._struct.pack(self.type_id, *_convert(self._to_wire, values))
        except (LookupError, ValueError, struct.error) as error:
            raise self._blame(self._to_wire, values, error) from error

    def unpack(self, payload: bytes) -> Message:
        """The message in `payload`, whose type byte the caller has looked at.

        Raises MessageError when the length or a value is not of this layout.
        """
        size = self._struct.size
        if len(payload) < size or (len(payload) > size and not self.may_grow):
            raise MessageError(f"{self.name} has {size} bytes, not {len(payload)}")
        raw = self._struct.unpack_from(payload)[1:]
        try:
            values = _convert(self._from_wire, raw)
        except (LookupError, ValueError) as error:
            raise self._blame(self._from_wire, raw, error) from error
        if self._make_nested is None:
            return self._make(*values)
        return self._make(*values[: self._own], self._make_nested(*values[self._own :]))

    def _blame(
        self, converters: Converters, values: tuple[object, ...], cause: Exception
    ) -> MessageError:
        for field, convert, value in zip(self.fields, converters, values, strict=True):
            try:
                raw = value if convert is None else convert(value)
                if isinstance(raw, int):
                    struct.pack("<" + field.kind.code, raw)
            except (LookupError, ValueError, struct.error):
                return MessageError(f"{self.name}.{field.name} is {field.kind.name}, not {value!r}")
        return MessageError(f"{self.name}: {cause}")


def _convert(converters: Converters, values: tuple[object, ...]) -> list[object]:
    return [
        value if convert is None else convert(value)
        for convert, value in zip(converters, values, strict=True)
    ]


def _demand_matching_rows(
    name: str,
    fields: tuple[Field, ...],
    shape: type[Message],
    nested: type[msgspec.Struct] | None,
) -> None:
    attributes = [field.name for field in msgspec.structs.fields(shape)]
    if nested is not None:
        last = attributes.pop()
        attributes += [f"{last}.{field.name}" for field in msgspec.structs.fields(nested)]
    rows = [field.path for field in fields]
    if rows != attributes:
        odd = sorted(set(rows) ^ set(attributes)) or "their order"
        raise TypeError(f"the rows of {name} and its types differ in {odd}")
