"""A terminal that shows one line live while whole lines are typed; also a serial line."""

from __future__ import annotations

import os
import select
import sys

from evse.clock import Clock

_CLEAR = "\r\x1b[K"


class LineTerminal:
    """evse.cli.board_walk.Terminal on the standard streams."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown = ""
        self._typed = b""

    def say(self, text: str) -> None:
        self._clear()
        print(text, flush=True)

    def live(self, text: str) -> None:
        if text == self._shown:
            return
        sys.stdout.write(f"{_CLEAR}{text}  " if text else _CLEAR)
        sys.stdout.flush()
        self._shown = text

    def typed(self) -> str | None:
        if b"\n" not in self._typed and not self._hear(0.0):
            return None
        line, found, rest = self._typed.partition(b"\n")
        if not found:
            return None
        self._typed = rest
        self._shown = ""
        return line.decode(errors="replace").strip()

    def wait_until(self, now_ms: int) -> None:
        """Sleeps; what is typed meanwhile waits for `typed`, at most a period."""
        left_ms = now_ms - self._clock.now_ms()
        if left_ms > 0:
            select.select([], [], [], left_ms / 1000)

    def _hear(self, within_s: float) -> bool:
        if not select.select([sys.stdin], [], [], within_s)[0]:
            return False
        more = os.read(sys.stdin.fileno(), 1024)
        if not more:
            raise EOFError("nobody is at the terminal any more")
        self._typed += more
        return True

    def _clear(self) -> None:
        if self._shown:
            sys.stdout.write(_CLEAR)
            self._shown = ""
