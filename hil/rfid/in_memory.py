"""A reader whose wire is memory: driver and chip in one process, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

from drivers.rfid.events import Dialect, Lost, ReaderEvent
from evse.clock import earliest
from hil.rfid.pn532_chip import Pn532Chip

UNPLUGGED = Lost("went away", "Check the plug and the cable.")


class MemoryReader:
    """A `Part` of a simulation: the driver's dialect, wired to a chip."""

    def __init__(
        self, dialect: Dialect, chip: Pn532Chip, on_event: Callable[[ReaderEvent], None]
    ) -> None:
        self.chip = chip
        self._dialect = dialect
        self._on_event = on_event
        self._plugged = False

    def plug(self, now_ms: int) -> None:
        """As from the reader's shell when the port opens."""
        self._plugged = True
        self.chip.power_on()
        self._tell(self._dialect.opened(now_ms), now_ms)

    def unplug(self, now_ms: int) -> None:
        """As from the reader's shell when the port fails."""
        self._plugged = False
        self._dialect.closed(now_ms)
        self._on_event(UNPLUGGED)

    @property
    def next_deadline_ms(self) -> int | None:
        if not self._plugged:
            return None
        return earliest(self._dialect.next_deadline_ms, self.chip.next_ms)

    def poll(self, now_ms: int) -> None:
        if not self._plugged:
            return
        if data := self.chip.output(now_ms):
            self._tell(self._dialect.received(data, now_ms), now_ms)
        self._tell(self._dialect.poll(now_ms), now_ms)

    def _tell(self, events: list[ReaderEvent], now_ms: int) -> None:
        self.chip.receive(self._dialect.take_output(), now_ms)
        for event in events:
            self._on_event(event)
