"""Frames: how a payload survives a line that drops, adds, repeats and flips bytes.

A frame on the wire is `00 COBS(payload, CRC-32) 00`. COBS leaves no zero inside, so a zero is
always an edge; the leading one means that rubbish before a good frame never costs that frame.
The decoder hands out a payload only when its CRC-32 holds; anything else is counted and dropped.
"""

from __future__ import annotations

import zlib

from firmware_bridge.errors import FrameError

MAX_PAYLOAD_BYTES = 128
CRC_BYTES = 4
MAX_STUFFED_BYTES = MAX_PAYLOAD_BYTES + CRC_BYTES + 1
"""COBS adds exactly one byte, since no block of a body this short reaches 254 bytes."""

_EDGE = b"\0"


def encode(payload: bytes) -> bytes:
    """The frame that carries `payload` (1 to 128 bytes), edges included.

    Raises FrameError when the payload is empty or too long.
    """
    if not 1 <= len(payload) <= MAX_PAYLOAD_BYTES:
        raise FrameError(
            f"a frame carries 1 to {MAX_PAYLOAD_BYTES} bytes of payload, not {len(payload)}"
        )
    body = payload + zlib.crc32(payload).to_bytes(CRC_BYTES, "little")
    stuffed = b"".join([bytes((len(run) + 1,)) + run for run in body.split(_EDGE)])
    return _EDGE + stuffed + _EDGE


def _unstuff(stuffed: bytes) -> bytes | None:
    """The body inside a COBS block sequence, or None when its lengths do not add up."""
    runs = []
    at, end = 0, len(stuffed)
    while at < end:
        following = at + stuffed[at]
        if following > end:
            return None
        runs.append(stuffed[at + 1 : following])
        at = following
    return _EDGE.join(runs)


class Decoder:
    """Turns a byte stream, in pieces of any size, into the payloads of its whole frames."""

    def __init__(self) -> None:
        self._pending = b""
        self._skipping = False
        self._broken = False
        self.frames = 0
        """Good frames handed out."""
        self.crc_errors = 0
        self.cobs_errors = 0
        """Lengths that do not add up, or too short to hold a payload and its CRC."""
        self.oversize = 0
        """Runs without an edge that are longer than any frame."""
        self.resyncs = 0
        """Times that a good frame followed rubbish."""

    @property
    def errors(self) -> int:
        """Everything that was dropped, of whatever cause."""
        return self.crc_errors + self.cobs_errors + self.oversize

    def feed(self, data: bytes) -> list[bytes]:
        """Payloads completed by `data`, in order. Never raises; memory stays bounded."""
        *closed, rest = (self._pending + data).split(_EDGE)
        payloads = []
        for stuffed in closed:
            if self._skipping:
                self._skipping = False
            elif stuffed:
                payload = self._open(stuffed)
                if payload is not None:
                    payloads.append(payload)
        self._keep(rest)
        return payloads

    def reset(self) -> None:
        """Forget an unfinished frame: the stream starts anew. Counters stay."""
        self._pending = b""
        self._skipping = False

    def _open(self, stuffed: bytes) -> bytes | None:
        payload = self._checked(stuffed)
        if payload is None:
            self._broken = True
            return None
        self.frames += 1
        if self._broken:
            self._broken = False
            self.resyncs += 1
        return payload

    def _checked(self, stuffed: bytes) -> bytes | None:
        if len(stuffed) > MAX_STUFFED_BYTES:
            self.oversize += 1
            return None
        body = _unstuff(stuffed)
        if body is None or len(body) <= CRC_BYTES:
            self.cobs_errors += 1
            return None
        payload = body[:-CRC_BYTES]
        if zlib.crc32(payload) != int.from_bytes(body[-CRC_BYTES:], "little"):
            self.crc_errors += 1
            return None
        return payload

    def _keep(self, rest: bytes) -> None:
        if self._skipping or len(rest) > MAX_STUFFED_BYTES:
            if not self._skipping:
                self.oversize += 1
                self._broken = True
            self._skipping = True
            rest = b""
        self._pending = rest
