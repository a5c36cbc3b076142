"""What a plant leaves behind: its lanes in the trace, and the rules that were broken."""

from __future__ import annotations

from hil.plant.model import Violation
from hil.trace import Lane, Trace, Value


class PlantRecord:
    """Writes for one EVSE; without a trace only violations are kept."""

    def __init__(self, trace: Trace | None, evse: int) -> None:
        self.trace = trace
        self.evse = evse
        self.violations: list[Violation] = []

    def fault(self, now_ms: int, name: str, *, active: bool) -> None:
        self._note(now_ms, Lane.FAULT, f"{'+' if active else '-'}{name}")

    def violation(self, now_ms: int, rule: str, faults: set[str]) -> None:
        self.violations.append(Violation(now_ms, self.evse, rule, tuple(sorted(faults))))
        self._note(now_ms, Lane.FAULT, f"violation {rule}")

    def levels(
        self,
        now_ms: int,
        *,
        hi_mv: int,
        duty_bp: int,
        closed: bool,
        lock: str | None,
        current_ma: int,
    ) -> None:
        """The metal's lanes as they are now; `lock` None: no lock fitted."""
        if self.trace is None:
            return
        self._note(now_ms, Lane.PILOT, hi_mv)
        self._note(now_ms, Lane.DUTY, duty_bp)
        self._note(now_ms, Lane.CONTACTOR, "closed" if closed else "open")
        self._note(now_ms, Lane.CURRENT, current_ma)
        if lock is not None:
            self._note(now_ms, Lane.LOCK, lock)

    def _note(self, now_ms: int, lane: Lane, value: Value) -> None:
        if self.trace is not None:
            self.trace.record(now_ms, self.evse, lane, value)
