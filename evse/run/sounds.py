"""What whoever holds a card to a reader hears: the broker's verdict at the board's buzzer."""

from __future__ import annotations

from evse.model import CommandVerb
from evse.ports import BoardPort
from evse.run.rfid import Verdict

_VERBS = {
    Verdict.ACCEPTED: CommandVerb.SOUND_ACCEPTED,
    Verdict.REJECTED: CommandVerb.SOUND_REJECTED,
}


class BoardSounds:
    """evse.run.rfid.Feedback over the board link. A board without a buzzer says that it does not
    know the command, and nothing follows from that."""

    def __init__(self, board: BoardPort) -> None:
        self._board = board

    def on_feedback(self, evses: tuple[int, ...], verdict: Verdict) -> None:
        """One buzzer is enough: that of the first EVSE which the reader is for."""
        verb = _VERBS.get(verdict)
        if verb is not None and evses:
            self._board.command(evses[0], verb)
