"""The faults of one EVSE over time: raised and cleared once each, with the same uuid. Pure.

Fed with what shows now, it tells what changed by that. A fault's identity is (type, sub_type):
what is active is not raised again, what is not active is not cleared. It is over when its row says
so (`clears`), which may be later than its cause. While any active fault blocks there is one more,
`evse_manager/Inoperative`, which follows the set of them: cleared and raised anew when that
changes (spec evse-core D). Assumes: `now_ms` never runs back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from evse.clock import earliest
from evse.faults import Fault, Identity, of_code

INOPERATIVE = "evse_manager/Inoperative"


class ActiveFault(msgspec.Struct, frozen=True):
    """A fault from its raising to its clearing."""

    row: Fault
    uuid: str
    raised_ms: int
    causes: tuple[str, ...] = ()
    """Of Inoperative: the codes of what blocks, the oldest first."""

    @property
    def message(self) -> str:
        """One line: of Inoperative its oldest cause, else the catalogue's sentence."""
        return self.causes[0] if self.causes else self.row.says

    @property
    def description(self) -> str:
        """All causes of Inoperative, else where to look."""
        return ", ".join(self.causes) if self.causes else self.row.hint


class FaultChange(msgspec.Struct, frozen=True):
    """One fault became active or ended."""

    fault: ActiveFault
    active: bool
    at_ms: int
    remaining: int
    """Faults that are active after it, Inoperative included; 0: all errors cleared."""


class FaultModel:
    """What is wrong with one EVSE."""

    def __init__(self, new_uuid: Callable[[], str], *, off: frozenset[str] = frozenset()) -> None:
        """`off`: settings that are switched off; what blocks by one of them does not."""
        self._new_uuid = new_uuid
        self._off = off
        self._active: dict[Identity, ActiveFault] = {}
        self._inoperative: ActiveFault | None = None
        self._seen: tuple[Fault, ...] = ()
        self._plugged = False
        self._gone_ms: dict[Identity, int] = {}
        """Since when the cause of an active fault has not shown."""
        self.rows: tuple[Fault, ...] = ()
        """Active faults without Inoperative, the oldest first."""
        self.blocked = False
        """Is any of them a reason not to charge?"""
        self.first_cause: ActiveFault | None = None
        """What blocked first, kept until nothing blocks any more."""

    @property
    def active(self) -> tuple[ActiveFault, ...]:
        """Everything active, the oldest first, Inoperative last."""
        last = () if self._inoperative is None else (self._inoperative,)
        return (*self._active.values(), *last)

    @property
    def next_deadline_ms(self) -> int | None:
        """When an `update` with the same conditions would clear something."""
        if not self._gone_ms:
            return None
        return earliest(
            *(
                gone_ms + fault.row.delay_ms
                for identity, gone_ms in self._gone_ms.items()
                if (fault := self._active[identity]).row.clears == "delay"
            )
        )

    def update(
        self, seen: tuple[Fault, ...], now_ms: int, *, plugged: bool
    ) -> tuple[FaultChange, ...]:
        """What changes by what shows now. The same twice is as good as once."""
        due_ms = self.next_deadline_ms if self._gone_ms else None
        if seen == self._seen and plugged == self._plugged and (due_ms is None or now_ms < due_ms):
            return ()
        self._seen, self._plugged = seen, plugged
        self._note_causes({row.identity for row in seen}, now_ms)
        changes = [*self._raise(seen, now_ms), *self._clear(now_ms)]
        if changes:
            self.rows = tuple(fault.row for fault in self._active.values())
            changes += self._follow(now_ms)
        return tuple(changes)

    def _note_causes(self, shown: set[Identity], now_ms: int) -> None:
        for identity in self._active:
            if identity in shown:
                self._gone_ms.pop(identity, None)
            else:
                self._gone_ms.setdefault(identity, now_ms)

    def _raise(self, seen: tuple[Fault, ...], now_ms: int) -> Iterator[FaultChange]:
        for row in seen:
            if row.identity not in self._active:
                blocks = row.blocks and row.blocks_if not in self._off
                effective = row if blocks == row.blocks else replace(row, blocks=blocks)
                fault = ActiveFault(effective, self._new_uuid(), now_ms)
                self._active[row.identity] = fault
                yield self._change(fault, now_ms, active=True)

    def _clear(self, now_ms: int) -> Iterator[FaultChange]:
        for identity, gone_ms in tuple(self._gone_ms.items()):
            if self._is_over(self._active[identity].row, gone_ms, now_ms):
                del self._gone_ms[identity]
                yield self._change(self._active.pop(identity), now_ms, active=False)

    def _is_over(self, row: Fault, gone_ms: int, now_ms: int) -> bool:
        if row.clears == "unplug":
            return not self._plugged
        if row.clears == "delay":
            return now_ms - gone_ms >= row.delay_ms
        return row.clears == "cause"

    def _follow(self, now_ms: int) -> Iterator[FaultChange]:
        """Inoperative, as what blocks has changed."""
        blocking = [fault for fault in self._active.values() if fault.row.blocks]
        self.blocked = bool(blocking)
        self.first_cause = (self.first_cause or blocking[0]) if blocking else None
        causes = tuple(_name(fault.row) for fault in blocking)
        before = self._inoperative
        if before is not None and before.causes != causes:
            self._inoperative = None
            yield self._change(before, now_ms, active=False)
        if causes and self._inoperative is None:
            row = of_code(INOPERATIVE)
            self._inoperative = ActiveFault(row, self._new_uuid(), now_ms, causes)
            yield self._change(self._inoperative, now_ms, active=True)

    def _change(self, fault: ActiveFault, now_ms: int, *, active: bool) -> FaultChange:
        remaining = len(self._active) + (self._inoperative is not None)
        return FaultChange(fault, active, now_ms, remaining)


def _name(row: Fault) -> str:
    return f"{row.code}/{row.sub_type}" if row.sub_type else row.code
