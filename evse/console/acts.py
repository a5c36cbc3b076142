"""What a technician may change at the console, behind its PIN.

Guarantee: nothing is asked of the station while the lock is shut.
"""

from __future__ import annotations

from typing import Any

from evse.console.layout import wrap
from evse.console.pin import IDLE_MS
from evse.console.ports import Door, Gate, Refused, Reply, evses


class Acts:
    """The acts of one terminal, and the lock before them."""

    def __init__(self, door: Door, gate: Gate) -> None:
        self._door = door
        self._gate = gate
        self._locks_at_ms: int | None = None
        """None = locked."""

    @property
    def locked(self) -> bool:
        return self._locks_at_ms is None or self._gate.now_ms() >= self._locks_at_ms

    def somebody_is_there(self) -> None:
        """A typed line: what is unlocked stays so for a while longer."""
        self._locks_at_ms = None if self.locked else self._gate.now_ms() + IDLE_MS

    def unlock(self, words: list[str]) -> Reply:
        if not words:
            return Reply([], "pin")
        refusal = self._gate.refusal(" ".join(words))
        self._locks_at_ms = None if refusal else self._gate.now_ms() + IDLE_MS
        return Reply(
            wrap(refusal or "unlocked; lock-console locks again, and so do 10 idle minutes")
        )

    def lock(self, _words: list[str]) -> Reply:
        self._locks_at_ms = None
        return Reply(["locked"])

    def act(self, words: list[str], method: str, params: dict[str, Any]) -> Reply:
        """One method at one EVSE that tells whether it did something."""
        evse = self._one(words)
        done = self._ask(method, evse=evse, **params)
        return Reply([f"EVSE {evse}: {'done' if done else 'nothing to do, or not possible now'}"])

    def charge_now(self, words: list[str]) -> Reply:
        evse = self._one(words)
        if self._ask("sys.inspect", evse=evse)["delay"] is None:
            return Reply([f"EVSE {evse}: no random delay is running"])
        self._ask("uk_random_delay.cancel", evse=evse)
        return Reply([f"EVSE {evse}: done"])

    def self_test(self, words: list[str]) -> Reply:
        evse = self._one(words)
        passed = self._ask("ac_rcd.self_test", evse=evse)
        says = "passed" if passed else "not passed, or not possible now: see `lock`, `faults`"
        return Reply([f"EVSE {evse}: residual-current device {says}"])

    def accept_meter(self, words: list[str]) -> Reply:
        evse = self._one(words)
        taken = self._ask("metering.accept", evse=evse)
        says = "believed from now on" if taken else "nothing is doubted, or a bill is running"
        return Reply([f"EVSE {evse}: meter: {says}"])

    def _one(self, words: list[str]) -> int:
        """The EVSE to act on, that must be named where there are several."""
        if self.locked:
            raise Refused("the console is read-only; unlock it with its PIN")
        found = evses(self._door, words)
        if len(found) != 1:
            raise Refused(f"which EVSE: one of {found}")
        return found[0]

    def _ask(self, method: str, **params: Any) -> Any:
        return self._door.ask(method, params)
