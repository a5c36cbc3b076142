"""A door for a test that runs in one thread: calls block, notifications are heard when it looks."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from evse.door import jsonrpc
from hil.errors import BenchTimeout, DutRefused

_RECEIVE_BYTES = 1 << 16


class BenchDoor:
    """One connection to a door of the station or of the simulated metal."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where nobody listens."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._buffer = b""
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self.on_notification: Callable[[str, dict[str, Any]], None] = lambda _method, _params: None

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def call(self, method: str, params: dict[str, Any] | None = None, *, within_s: float) -> Any:
        """The result. Raises DutRefused for an answer that is an error, BenchTimeout, and
        ConnectionError when the peer goes away."""
        call_id = next(self._ids)
        self._socket.settimeout(within_s)
        self._socket.sendall(jsonrpc.request(call_id, method, params or {}))
        give_up_s = time.monotonic() + within_s
        while call_id not in self._answers:
            left_s = give_up_s - time.monotonic()
            if left_s <= 0 or not self._receive(left_s):
                raise BenchTimeout(f"{method} was not answered within {within_s} s")
        answer = self._answers.pop(call_id)
        if "error" in answer:
            raise DutRefused(method, answer["error"])
        return answer.get("result")

    def hear(self) -> None:
        """Take what is there. Raises ConnectionError when the peer has gone."""
        while self._receive(0.0):
            pass

    def _receive(self, within_s: float) -> bool:
        """False when nothing came."""
        self._socket.settimeout(within_s)
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except (TimeoutError, BlockingIOError):
            return False
        if not data:
            raise ConnectionError(f"{self._path}: the other end hung up")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._take(msgspec.json.decode(line))
        return True

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self.on_notification(message["method"], message["params"])
        else:
            self._answers[message["id"]] = message
