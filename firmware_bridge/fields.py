"""Wire types of a message's fields.

A value that its field cannot hold is refused on both sides, except measurements, which
saturate: a sensor on its rail must not silence the board.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable

import msgspec

Raw = int | bytes
"""What `struct` takes and gives for one field."""


class Kind(msgspec.Struct, frozen=True):
    """One wire type. `to_wire` and `from_wire` are None where the value is its own raw form;
    they raise LookupError or ValueError for what does not belong there."""

    name: str
    """As in the document and in the schema hash; names the range too, where it is narrowed."""
    code: str
    """Format code of the `struct` module."""
    to_wire: Callable[..., Raw] | None = None
    from_wire: Callable[..., object] | None = None
    members: tuple[tuple[str, int], ...] = ()
    """Of an enumeration or a set of flags."""

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return struct.calcsize(f"<{self.code}")


U8 = Kind("u8", "B")
U16 = Kind("u16", "H")
U32 = Kind("u32", "I")
BOOL = Kind("bool", "B", from_wire=(False, True).__getitem__)


def up_to(highest: int) -> Kind:
    """A u16 from 0 to `highest`."""

    def checked(value: int) -> int:
        if not 0 <= value <= highest:
            raise ValueError(value)
        return value

    return Kind(f"u16 0..{highest}", "H", to_wire=checked, from_wire=checked)


def enumeration(members: type[enum.IntEnum]) -> Kind:
    """A u8 that holds a member's value; any other value is refused."""
    values = {member.value: member for member in members}
    return Kind(
        f"enum8 {members.__name__}",
        "B",
        from_wire=values.__getitem__,
        members=tuple((member.name, member.value) for member in members),
    )


def flags(members: type[enum.IntFlag]) -> Kind:
    """A u32 of flags; unknown bits are kept, and mean nothing."""
    return Kind(
        f"flags32 {members.__name__}",
        "I",
        from_wire=members,
        members=tuple((member.name or "", member.value) for member in members),
    )


def measured(name: str) -> Kind:
    """A measurement as i16, i32, u8 or u16 that saturates at the ends of its range."""
    code, lowest, highest = _RANGES[name]

    def saturated(value: int) -> int:
        return lowest if value < lowest else min(value, highest)

    return Kind(f"{name} saturating", code, to_wire=saturated)


def measured_or_absent(name: str) -> Kind:
    """As `measured`, with the lowest value of the range kept for `None`, not measured."""
    code, absent, highest = _RANGES[name]

    def saturated(value: int | None) -> int:
        return absent if value is None else max(absent + 1, min(value, highest))

    def present(raw: int) -> int | None:
        return None if raw == absent else raw

    return Kind(f"{name} saturating, {absent} = absent", code, saturated, present)


_RANGES = {
    "u8": ("B", 0, 2**8 - 1),
    "u16": ("H", 0, 2**16 - 1),
    "i16": ("h", -(2**15), 2**15 - 1),
    "i32": ("i", -(2**31), 2**31 - 1),
}


def text(size: int) -> Kind:
    """Printable ASCII of at most `size` bytes, padded with zeros."""

    def to_wire(value: str) -> bytes:
        if len(value) > size or not (value.isascii() and value.isprintable()):
            raise ValueError(value)
        return value.encode("ascii")

    def from_wire(raw: bytes) -> str:
        value = raw.rstrip(b"\0").decode("ascii")
        if not value.isprintable():
            raise ValueError(value)
        return value

    return Kind(f"char[{size}]", f"{size}s", to_wire, from_wire)


class Field(msgspec.Struct, frozen=True):
    """One row of a message: `path` is the attribute, dotted for those of the nested value."""

    path: str
    kind: Kind
    meaning: str

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]
