"""The power contactor: travel, bounce, weld, stuck; the mirror contact follows the contacts."""

from __future__ import annotations

from hil.plant.model import NEVER_MS, ContactorSpec
from hil.plant.pilot import scatter

_STREAM = 1


class Contactor:
    """`refresh` says what pulls at the contacts, `fire` lets them move when `due_ms` has come."""

    def __init__(self, spec: ContactorSpec, seed: int) -> None:
        self._spec = spec
        self._seed = seed
        self._operations = 0
        self._heading = False
        self._moves: list[tuple[int, bool, bool]] = []
        self.closed = False
        """The power contacts, truly."""
        self.mirror = False
        """What the mirror contact shows, bounce included."""
        self.due_ms = NEVER_MS

    def refresh(
        self, now_ms: int, *, coil: bool, weld: bool, stuck_closed: bool, stuck_open: bool
    ) -> None:
        """Coil and faults as they are from now on."""
        heading = coil
        if stuck_closed or (weld and self.closed):
            heading = True
        elif stuck_open:
            heading = False
        if heading != self._heading:
            self._heading = heading
            self._start(now_ms)

    def _start(self, now_ms: int) -> None:
        self._moves.clear()
        if self._heading != self.closed:
            at_ms = now_ms + self._travel_ms()
            self._moves.append((at_ms, self._heading, self._heading))
            mirror = self._heading
            for gap_ms in self._spec.bounce_ms:
                at_ms += gap_ms
                mirror = not mirror
                self._moves.append((at_ms, self._heading, mirror))
        else:
            self.mirror = self.closed
        self._rearm()

    def _travel_ms(self) -> int:
        self._operations += 1
        low_ms, high_ms = self._spec.close_ms if self._heading else self._spec.open_ms
        draw = scatter(self._seed, _STREAM, self._operations)
        return low_ms + draw % (high_ms - low_ms + 1)

    def fire(self, now_ms: int) -> None:
        """Do the move that is due."""
        if now_ms >= self.due_ms:
            _, self.closed, self.mirror = self._moves.pop(0)
            self._rearm()

    def _rearm(self) -> None:
        self.due_ms = self._moves[0][0] if self._moves else NEVER_MS
