"""Messages on a byte stream: frames and table together, as both ends use them."""

from __future__ import annotations

from collections.abc import Iterable

from firmware_bridge.codec import pack, unpack
from firmware_bridge.errors import MessageError
from firmware_bridge.frames import Decoder, encode
from firmware_bridge.messages import Message


def to_wire(messages: Iterable[Message]) -> bytes:
    """The frames of `messages`, one after the other."""
    return b"".join([encode(pack(message)) for message in messages])


class MessageReader:
    """Turns bytes into messages, and counts what is none."""

    def __init__(self) -> None:
        self.frames = Decoder()
        """Its counters tell what the line did."""
        self.malformed = 0
        """Good frames that hold no message."""

    def read(self, data: bytes) -> list[Message]:
        """The messages that `data` completes. Never raises."""
        messages = []
        for payload in self.frames.feed(data):
            try:
                messages.append(unpack(payload))
            except MessageError:
                self.malformed += 1
        return messages

    def reset(self) -> None:
        """The stream starts anew: forget half a frame. Counters stay."""
        self.frames.reset()
