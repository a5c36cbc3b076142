"""STATUS and ANALOG as the host receives them: gaps counted, repeats dropped, silence noticed."""

from __future__ import annotations

from firmware_bridge.sequence import GapCounter


class TelemetryInbox:
    def __init__(self, *, evses: int, silence_ms: int) -> None:
        self._evses = range(1, evses + 1)
        self._silence_ms = silence_ms
        self._heard_ms: dict[int, int] = {}
        self._status = {evse: GapCounter() for evse in self._evses}
        self._analog = {evse: GapCounter() for evse in self._evses}

    def restart(self, now_ms: int) -> None:
        """A new session: numbers start anew, and silence counts from now."""
        self._heard_ms = dict.fromkeys(self._evses, now_ms)
        for gap in (*self._status.values(), *self._analog.values()):
            gap.restart()

    def accept_status(self, evse: int, seq: int, now_ms: int) -> bool:
        """Is this STATUS of ours, and news?"""
        gap = self._status.get(evse)
        if gap is None or not gap.accept(seq):
            return False
        self._heard_ms[evse] = now_ms
        return True

    def accept_analog(self, evse: int, seq: int) -> bool:
        """Is this ANALOG of ours, and news?"""
        gap = self._analog.get(evse)
        return gap is not None and gap.accept(seq)

    @property
    def next_deadline_ms(self) -> int:
        """When the first EVSE will have been silent for too long."""
        return min(self._heard_ms.values()) + self._silence_ms

    def silent(self, now_ms: int) -> tuple[int, int] | None:
        """An EVSE that has been silent for too long, and for how many ms."""
        for evse, heard_ms in self._heard_ms.items():
            if now_ms - heard_ms >= self._silence_ms:
                return evse, now_ms - heard_ms
        return None

    @property
    def status_lost(self) -> int:
        return sum(gap.lost for gap in self._status.values())

    @property
    def analog_lost(self) -> int:
        return sum(gap.lost for gap in self._analog.values())

    @property
    def repeated(self) -> int:
        return sum(gap.repeated for gap in (*self._status.values(), *self._analog.values()))
