"""Readers of cards and codes, in the configuration file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from evse.config.values import Baud, DevicePath, Table

DEFAULT_BAUD = {"pn532": 115_200, "serial_line": 9_600}
"""Of a PN532 after a reset (NXP UM0701-02, 6.2.3); of most readers that print."""
_PRINTS = ("serial_line", "keyboard")
_ONLY_FOR = {
    "baud": tuple(DEFAULT_BAUD),
    "terminator": ("serial_line",),
    "format": _PRINTS,
    "uid_bytes": _PRINTS,
}
"""Key -> the kinds of readers that it says something about."""


class RfidTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[rfid]]`: a reader at this computer (docs/rfid.md)."""

    kind: Literal["pn532", "serial_line", "keyboard"]
    """A PN532 on a UART; a reader that prints each card as a line on a serial port; one that types
    like a keyboard, or a keypad."""
    port: DevicePath
    """Such as "/dev/ttyAMA0", or a name in /dev/serial/by-id or /dev/input/by-id."""
    baud: Baud | None = None
    """Left out: 115200 for a pn532, 9600 for a serial_line."""
    evses: tuple[Annotated[int, Meta(ge=1, le=128)], ...] = ()
    """The EVSEs that its tokens may be meant for; left out, all."""
    token_type: Literal["ISO14443", "ISO15693", "KeyCode", "Local"] = "ISO14443"
    """What the back office is told that a token is. `Local` for other cards, such as 125 kHz."""
    format: Literal["hex", "decimal", "text"] = "hex"
    """Of what it prints or types; `text`, for codes, is taken as it is."""
    uid_bytes: Annotated[int, Meta(ge=1, le=18)] = 4
    """Length of a UID in `decimal`."""
    byte_order: Literal["as_read", "reversed"] = "as_read"
    """`reversed` where other readers show the bytes of the same card the other way round."""
    terminator: Literal["newline", "etx", "gap"] = "newline"
    """What ends a line: CR, LF or both; ETX; a pause of 0.1 s."""
    allow_random: bool = False
    """Take random UIDs, which a phone has anew each time: nobody can end with one what it began."""
    gone_ms: Annotated[int, Meta(ge=1_000, le=60_000)] = 1_500
    """A token that was away from the reader for so long is presented anew. Two questions of a
    PN532 for a card, at least: one may go wrong while a card is held."""


def rfid_disagreements(
    readers: Sequence[RfidTable], evses: Collection[int], taken_ports: Collection[str]
) -> Iterator[str]:
    """Contradictions within the tables, with the station's EVSEs, and with the ports of its board
    and meters."""
    ports = set(taken_ports)
    for number, reader in enumerate(readers, start=1):
        where = f"[rfid {number}]"
        if not reader.port:
            yield f"{where} port is missing"
        elif reader.port in ports:
            yield f"{where} port = {reader.port} is already that of something else"
        ports.add(reader.port)
        for evse in reader.evses:
            if evse not in evses:
                yield f"{where} evses names {evse}: the station has {sorted(evses)}"
        yield from (f"{where} {problem}" for problem in _within(reader))


def _within(reader: RfidTable) -> Iterator[str]:
    plain = RfidTable(kind=reader.kind, port=reader.port)
    for key, kinds in _ONLY_FOR.items():
        if reader.kind not in kinds and getattr(reader, key) != getattr(plain, key):
            yield f'{key} is for kind = "{" or ".join(kinds)}", not "{reader.kind}"'
    if reader.kind == "pn532" and reader.token_type != "ISO14443":
        yield f'token_type = "{reader.token_type}": what a PN532 reads here is ISO14443'
    if reader.token_type == "KeyCode" and reader.format != "text":
        yield 'token_type = "KeyCode" needs format = "text"'
    if reader.allow_random and reader.token_type != "ISO14443":
        yield "allow_random is for ISO14443: other cards have no random UIDs"
    if reader.format != "decimal" and reader.uid_bytes != plain.uid_bytes:
        yield 'uid_bytes needs format = "decimal"'
    if reader.format == "text" and reader.byte_order != "as_read":
        yield 'byte_order is for UIDs, not for format = "text"'
