"""Ring 1's pins over a Unix socket: how the simulated guard process reaches the plant's process.

One JSON line each way a period: outputs of every EVSE there, readings of every EVSE back.
"""

from __future__ import annotations

import socket

import msgspec

from evse.guard.facts import Inputs, Outputs

PLANT_ANSWER_S = 3.0
"""A plant that is silent for so long hangs; one that died hangs up. Meanwhile its own watchdog
drops the coil, so nothing is gained by giving up on a busy machine sooner."""

Readings = dict[int, Inputs]


class Turn(msgspec.Struct, frozen=True):
    """What the guard drives now; an empty one only asks."""

    drive: dict[int, Outputs] = {}
    unfed: frozenset[int] = frozenset()
    """Those of them whose coil supply's watchdog gets no edge with it."""


_turn = msgspec.json.Decoder(Turn)
_readings = msgspec.json.Decoder(Readings)


def decode_turn(line: bytes) -> Turn:
    """Raises msgspec.DecodeError."""
    return _turn.decode(line)


def encode(value: Turn | Readings) -> bytes:
    return msgspec.json.encode(value) + b"\n"


class RemotePins:
    """Pins that end in the plant's process. One exchange a period, made by the first read."""

    def __init__(self, path: str) -> None:
        """Raises OSError where no plant is."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PLANT_ANSWER_S)
        self._socket.connect(path)
        self._buffer = b""
        self._drive: dict[int, Outputs] = {}
        self._fed: set[int] = set()
        self._readings: Readings = {}
        self._read_ms = -1

    def read(self, evse: int, now_ms: int) -> Inputs:
        """Raises OSError when the plant is gone."""
        if now_ms != self._read_ms:
            self._read_ms = now_ms
            self._readings = self._exchange()
        return self._readings[evse]

    def write(self, evse: int, outputs: Outputs, now_ms: int, feeds: bool = True) -> None:  # noqa: ARG002 Pins' shape
        """Sent with `flush`, or with the next reading."""
        self._drive[evse] = outputs
        if feeds:
            self._fed.add(evse)

    @property
    def next_deadline_ms(self) -> int | None:
        """None: it filters nothing."""
        return None

    def flush(self) -> None:
        """Let the outputs of this period take effect now."""
        self._readings = self._exchange()

    def close(self) -> None:
        self._socket.close()

    def _exchange(self) -> Readings:
        turn = Turn(self._drive, frozenset(self._drive) - self._fed)
        self._fed.clear()
        self._socket.sendall(encode(turn))
        while b"\n" not in self._buffer:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionError("the plant hung up")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return _readings.decode(line)
