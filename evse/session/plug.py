"""What one EVSE's session wants of the plug: held, let go, or kept for whoever left it there.

Pure but for the clock. The guard moves the lock and may veto (evse/lock.py has the policy).
"""

from __future__ import annotations

from evse.lock import target
from evse.model import LockState, LockTarget
from evse.session.state import SessionState
from evse.types.session import StopTransactionReason


class PlugState(SessionState):
    """A session and its plug."""

    @property
    def holds_plug(self) -> bool:
        """The car left its transaction, and its cable is locked until the token is presented."""
        left = self.departure
        held = left.ended_it and not (left.frees_plug or left.released or left.cleared)
        fitted = self.config.lock is not None
        return held and fitted and self.state == "finished" and self._cable_left

    @property
    def bars_plug(self) -> bool:
        """Nobody but its token, or force, frees the plug of the session that has ended."""
        stop, released = self.stop, self.departure.released
        barred = stop is not None and stop.reason is StopTransactionReason.DeAuthorized
        return self.holds_plug or (barred and self.state == "finished" and not released)

    @property
    def has_room(self) -> bool:
        """Only a cable is left of the session that has ended: another one may begin."""
        away = self.state == "finished" and not self.board.plugged
        return away and not (self.holds_plug or self.disable_wanted)

    def _note_departure(self) -> None:
        """Once the car of a finished session has left, another plug-in is another session, also
        with the same cable."""
        if self.state != "finished":
            return
        if not self.board.plugged:
            self.departure.seen = True
        elif self.departure.seen:
            self.board.renew()
        self.departure.cleared = self.departure.cleared or self.board.newcomer

    @property
    def _jammed_at_start(self) -> bool:
        """The plug could not be locked, and nothing has flowed since: asking the lock for anything
        else would make the board forget the jam, and the fault with it."""
        jammed = self.status.lock is LockState.JAMMED
        closing = jammed and self.board.jammed_for is LockTarget.LOCK
        return closing and not (self._had_transaction or self.departure.released)

    def _lock_target(self) -> LockTarget:
        lock = self.config.lock
        stop = self.stop
        return target(
            self.state,
            self.status,
            plugged=self.board.plugged,
            unlock_after_stop=lock is None or lock.unlock_after_stop,
            held_by_deauthorization=stop is not None
            and stop.reason is StopTransactionReason.DeAuthorized
            and not self.departure.released,
            kept_without_car=self.outlives_car or self.holds_plug,
            jammed=self._jammed_at_start,
        )
