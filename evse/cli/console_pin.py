"""Where the console's PIN and the count of its tries are kept: two small files of the state."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from evse.clock import Clock
from evse.console.pin import Hashed, Tries, counted, hashed, matches, wait_ms


class PinFiles:
    """The console's gate. Nothing opens it but the right PIN, counted first."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._pin = state_dir / "console.pin"
        self._tries = state_dir / "console.tries"
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def set(self, pin: str) -> None:
        """Raises ValueError for a PIN that can not be one, OSError when it can not be kept."""
        self._write(self._pin, hashed(pin, os.urandom(16)))
        self._write(self._tries, Tries())

    def refusal(self, pin: str) -> str:
        """Why the console stays locked; empty when it opens."""
        try:
            stored = msgspec.json.decode(self._pin.read_bytes(), type=Hashed)
            return self._tried(pin, stored)
        except FileNotFoundError:
            return "no PIN is set; an administrator sets one: evse console --set-pin"
        except (OSError, ValueError) as error:
            return f"the PIN can not be checked: {error}"

    def _tried(self, pin: str, stored: Hashed) -> str:
        now_ms = self._clock.now_ms()
        tries = Tries()
        if self._tries.exists():
            tries = msgspec.json.decode(self._tries.read_bytes(), type=Tries)
        wait = wait_ms(tries, now_ms)
        if wait:
            return f"too many wrong PINs; wait {-(-wait // 1000)} s"
        self._write(self._tries, counted(tries, now_ms))
        if not matches(pin, stored):
            return "wrong PIN"
        self._write(self._tries, Tries())
        return ""

    @staticmethod
    def _write(path: Path, value: Hashed | Tries) -> None:
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(msgspec.json.encode(value))
            out.flush()
            os.fsync(file)
        fresh.replace(path)
