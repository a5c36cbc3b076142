"""Frames of NXP's PN532 on its high-speed UART (HSU). Pure; numbers of UM0701-02, 6.2.1.

A frame is 00 00 FF, a length with its complement, a frame identifier (TFI) with data, their
complement, 00. Short frames without data acknowledge or ask again. The decoder finds frames in any
bytes: what does not check is skipped byte by byte, so that a frame behind noise is still found.
"""

from __future__ import annotations

import enum

import msgspec

START = b"\x00\xff"
"""Start code; the 00 before it is a preamble and may be lost."""
POSTAMBLE = b"\x00"
TO_CHIP = 0xD4
TO_HOST = 0xD5
ERROR_TFI = 0x7F
"""The only content of the frame by which the chip refuses a command's form."""
MAX_NORMAL = 255
"""Longest TFI with data of a normal information frame."""
MAX_EXTENDED = 265
"""Of an extended one: TFI and 264 bytes."""
EXTENDED_MARK = b"\xff\xff"
"""In the place of a length and its complement."""
MAX_BUFFERED = 2 * (MAX_EXTENDED + 10)


class Short(enum.Enum):
    """Frames without data, by the two bytes behind their start code."""

    ACK = b"\x00\xff"
    NACK = b"\xff\x00"


class Information(msgspec.Struct, frozen=True):
    """A frame with data, or with ERROR_TFI alone."""

    tfi: int
    data: bytes = b""


Frame = Short | Information


def encode(frame: Frame) -> bytes:
    """A frame on the wire. Raises ValueError where its data is too long."""
    if isinstance(frame, Short):
        return b"\x00" + START + frame.value + POSTAMBLE
    content = bytes([frame.tfi]) + frame.data
    size = len(content)
    if size > MAX_EXTENDED:
        raise ValueError(f"a frame of {size} bytes; the longest has {MAX_EXTENDED}")
    if size <= MAX_NORMAL:
        length = bytes([size, -size & 0xFF])
    else:
        high, low = divmod(size, 256)
        length = EXTENDED_MARK + bytes([high, low, -(high + low) & 0xFF])
    return b"\x00" + START + length + content + bytes([-sum(content) & 0xFF]) + POSTAMBLE


class Decoder:
    """Bytes in, frames out. Never raises; keeps at most MAX_BUFFERED bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def reset(self) -> None:
        """Forget a frame that has only begun."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now."""
        found: list[Frame] = []
        for begin in range(0, len(data), MAX_EXTENDED):
            self._buffer += data[begin : begin + MAX_EXTENDED]
            while (frame := self._next()) is not None:
                found.append(frame)
            del self._buffer[:-MAX_BUFFERED]
        return found

    def _next(self) -> Frame | None:
        """The first whole frame; what lies before it is dropped. None: more is needed."""
        while (at := self._buffer.find(START)) >= 0:
            del self._buffer[:at]
            size = self._size()
            if size is None:
                return None
            frame = self._frame(*size)
            if frame is not None:
                return frame
            if len(self._buffer) >= size[0] + size[1]:
                del self._buffer[:1]  # its checksum is wrong: the next start may lie inside it
            else:
                return None
        del self._buffer[:-1]  # half a start code may be there
        return None

    def _size(self) -> tuple[int, int] | None:
        """(bytes before the content, bytes of it and its checksum) of what begins here; a length
        that does not check is one byte of content, which never makes a frame."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        if bytes(buffer[2:4]) in (Short.ACK.value, Short.NACK.value):
            return 4, 0
        if bytes(buffer[2:4]) == EXTENDED_MARK:
            if len(buffer) < 7:
                return None
            size = buffer[4] * 256 + buffer[5]
            if sum(buffer[4:7]) & 0xFF or not 1 <= size <= MAX_EXTENDED:
                return 2, 1
            return 7, size + 1
        return (2, 1) if sum(buffer[2:4]) & 0xFF else (4, buffer[2] + 1)

    def _frame(self, before: int, size: int) -> Frame | None:
        """The frame that begins here, taken out; None where it is not whole, or not intact."""
        if size == 0:
            frame: Frame = Short(bytes(self._buffer[2:4]))
        else:
            content = bytes(self._buffer[before : before + size])
            if size < 2 or len(content) < size or sum(content) & 0xFF:
                return None
            frame = Information(content[0], content[1:-1])
        del self._buffer[: before + size]
        return frame
