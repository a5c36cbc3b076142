"""How far the core's journal is durable here."""

from __future__ import annotations

from collections.abc import Callable


class Acknowledgements:
    """Tells the core the last event up to which everything is durable: in order, without gaps.

    `last_seq` is the last event known to be durable at the start.
    """

    def __init__(self, acknowledge: Callable[[int], None], last_seq: int = 0) -> None:
        self._acknowledge = acknowledge
        self._durable: dict[int, bool] = {}
        """Of the events taken and not yet acknowledged, in the order they came."""
        self.last_seq = last_seq

    def restart(self, last_seq: int) -> None:
        """The core has another journal, or a number of its own for where we stand."""
        self._durable = {}
        self.last_seq = last_seq

    def repeat(self) -> None:
        """Say again how far everything is durable, to a core that may not have heard it."""
        if self.last_seq:
            self._acknowledge(self.last_seq)

    def expect(self, seq: int) -> Callable[[], None] | None:
        """Event `seq` came. What is returned is called once what the event changed is durable; it
        does nothing once `restart` was called. None for an event that came before and is on its
        way to the disk."""
        durable = self._durable
        if seq in durable:
            return None
        durable[seq] = False

        def done() -> None:
            if durable is self._durable:
                self._done(seq)

        return done

    def _done(self, seq: int) -> None:
        self._durable[seq] = True
        before = self.last_seq
        for known, durable in list(self._durable.items()):
            if not durable:
                break
            self.last_seq = max(self.last_seq, known)
            del self._durable[known]
        if self.last_seq > before:
            self._acknowledge(self.last_seq)
