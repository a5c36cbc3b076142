"""Golden bytes: a firmware in the field must still understand us, and we it.

tests/data/bridge_messages.hex holds the text of a message and, on the next line, its frame. It
changes only together with the message table (and then with the schema hash of the hello).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bridge_golden import GOLDEN

from firmware_bridge.codec import pack, unpack
from firmware_bridge.dump import describe
from firmware_bridge.frames import Decoder, encode
from firmware_bridge.messages import Message
from firmware_bridge.table import TABLE

PATH = Path(__file__).parents[2] / "data" / "bridge_messages.hex"


def pairs() -> list[tuple[str, bytes]]:
    lines = PATH.read_text(encoding="ascii").splitlines()
    return [
        (text.removeprefix("# "), bytes.fromhex(data))
        for text, data in zip(lines[::2], lines[1::2], strict=True)
    ]


def test_there_is_a_golden_capture_of_every_message_of_the_table() -> None:
    assert {type(message) for message in GOLDEN} == {layout.shape for layout in TABLE}
    assert len(pairs()) == len(GOLDEN)


@pytest.mark.parametrize(
    ("message", "pair"),
    list(zip(GOLDEN, pairs(), strict=True)),
    ids=[type(message).__name__ for message in GOLDEN],
)
def test_golden_bytes_decode_and_encode_the_same(message: Message, pair: tuple[str, bytes]) -> None:
    text, frame = pair
    [payload] = Decoder().feed(frame)
    assert unpack(payload) == message
    assert describe(unpack(payload)) == text
    assert encode(pack(message)) == frame
