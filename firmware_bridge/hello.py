"""Whether host and board may work together, and if not, why, in one plain sentence."""

from __future__ import annotations

import msgspec

from firmware_bridge.codec import PROTOCOL_VERSION, SCHEMA_HASH
from firmware_bridge.messages import Hello, HelloRequest


class Expected(msgspec.Struct, frozen=True):
    """What the station's configuration demands of its board."""

    evses: int
    config_crc: int | None = None
    """None accepts any."""

    def __post_init__(self) -> None:
        if not 1 <= self.evses <= 255:
            raise ValueError(f"a board has 1 to 255 EVSEs, not {self.evses}")


def same_language(message: Hello | HelloRequest) -> bool:
    """Do both ends have the same protocol version and message table?"""
    return message.proto == PROTOCOL_VERSION and message.schema_hash == SCHEMA_HASH


def refusal(hello: Hello, expected: Expected) -> str | None:
    """Why the board that sent `hello` is not to be used; None = accept it."""
    board = f"the board ({hello.identity.board}, firmware {hello.identity.firmware})"
    if hello.proto != PROTOCOL_VERSION:
        older = "board's firmware" if hello.proto < PROTOCOL_VERSION else "host's software"
        return (
            f"{board} speaks link protocol {hello.proto}, this host {PROTOCOL_VERSION}:"
            f" update the {older}"
        )
    if hello.schema_hash != SCHEMA_HASH:
        return (
            f"{board} has message table {hello.schema_hash:08x}, this host {SCHEMA_HASH:08x}:"
            " give the board the firmware of this release"
        )
    if hello.identity.evses < expected.evses:
        return (
            f"{board} has EVSEs up to number {hello.identity.evses}, the station's"
            f" configuration names {expected.evses}"
        )
    if expected.config_crc is not None and hello.identity.config_crc != expected.config_crc:
        return (
            f"{board} runs configuration {hello.identity.config_crc:08x}, the station is"
            f" configured as {expected.config_crc:08x}: restart the board with this configuration"
        )
    return None
