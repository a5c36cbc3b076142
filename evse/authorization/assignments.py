"""Which EVSE a token was given to, and for how long: connection timeout, plug-in timeout, and
what displays hear of it.

The sessions are the truth; nothing here says that an EVSE is authorized when its session does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evse.authorization.outcome import Outcomes
from evse.authorization.selection import Place
from evse.clock import Clock, Timers
from evse.config.access import AuthorizationTable
from evse.session.session import Session
from evse.types.authorization import (
    IdToken,
    IdTokenType,
    ProvidedIdToken,
    TokenValidationStatus,
)

S = TokenValidationStatus


class Assignments:
    """The EVSEs as places for tokens."""

    def __init__(
        self,
        config: AuthorizationTable,
        sessions: Mapping[int, Session],
        clock: Clock,
        outcomes: Outcomes,
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._clock = clock
        self._outcomes = outcomes
        self._timers = Timers()
        self.connection_timeout_ms = config.connection_timeout_s * 1_000
        """For authorizations from now on."""
        self._looked: dict[int, tuple[str, str, bool, bool]] = {}
        """Session, state, authorized, transaction: as they were at the last look."""
        self._pending: dict[int, ProvidedIdToken] = {}
        """Tokens that wait for their transaction to begin."""
        self._plug_ins: dict[int, int] = {}
        """EVSE -> number of the plug-in whose car waits for a token."""
        self._plug_in_count = 0
        self._lapsed: set[int] = set()
        """EVSEs whose car came and no token in time: only a token that names them starts there."""

    # --- looked at --------------------------------------------------------------------------------

    def places(self, evses: Iterable[int]) -> list[Place]:
        """Those of `evses` that a token could start on now."""
        candidates = list(evses)
        return [
            Place(evse, self._plug_ins.get(evse))
            for evse in candidates
            if self._may_start(self._sessions[evse])
            and (evse not in self._lapsed or candidates == [evse])
        ]

    def held_with(self, token: ProvidedIdToken, evses: Iterable[int]) -> int | None:
        """That of `evses` which `token` holds, with a transaction or without."""
        for evse in evses:
            session = self._sessions[evse]
            held = session.record.token if session.authorized else None
            if held is not None and held.id_token.same_as(token.id_token):
                return evse
        return None

    def _may_start(self, session: Session) -> bool:
        if session.has_room:
            return self._config.ignore_faults or not session.fault_model.blocked
        open_to_tokens = session.state in ("waiting_auth", "idle") and not session.authorized
        if not open_to_tokens or session.disable_wanted or session.stop is not None:
            return False
        return self._config.ignore_faults or not session.fault_model.blocked

    # --- done -------------------------------------------------------------------------------------

    def authorize(
        self, evse: int, token: ProvidedIdToken, reservation_id: int | None = None
    ) -> bool:
        """Give `evse` to the token. False where the session ignores it."""
        session = self._sessions[evse]
        if session.authorized or not session.authorize(token, reservation_id):
            return False
        self._pending[evse] = token
        self._timers.cancel(("connection", evse))
        return True

    def set_group(self, evse: int, token: str, group: str) -> bool:
        """The group of the token that an EVSE is authorized by, learnt only after that. False
        where it is authorized by another one, or by none."""
        session = self._sessions[evse]
        known = session.record.token
        if known is None or known.id_token.value.casefold() != token.casefold():
            return False
        session.set_group(IdToken(value=group, type=IdTokenType.Central))
        return True

    def withdraw(self, evse: int, status: TokenValidationStatus = S.Withdrawn) -> None:
        """Take an authorization back, or end the wait for one; a transaction is not ended."""
        token = self._pending.pop(evse, None)
        self._sessions[evse].withdraw_authorization()
        if token is not None:
            says = "no car came in time" if status is S.TimedOut else ""
            self._outcomes.tell(token, status, (evse,), says=says)

    # --- time -------------------------------------------------------------------------------------

    @property
    def next_deadline_ms(self) -> int | None:
        return self._timers.next_deadline_ms

    def poll(self) -> None:
        now_ms = self._clock.now_ms()
        for name in self._timers.pop_due(now_ms):
            match name:
                case ("connection", int(evse)):
                    self.withdraw(evse, S.TimedOut)
                case ("plug-in", int(evse)):
                    self._lapsed.add(evse)
                    self._sessions[evse].withdraw_authorization()
        for evse, session in self._sessions.items():
            self._follow(evse, session, now_ms)

    def _follow(self, evse: int, session: Session, now_ms: int) -> None:
        """What the session did since the last look: mostly nothing, and this runs with each status
        of the board."""
        state, authorized = session.state, session.authorized
        now = (session.record.uuid, state, authorized, session.record.transaction)
        before = self._looked.get(evse)
        if before == now and evse not in self._pending:
            return
        self._looked[evse] = now
        if before is not None and before[0] != now[0]:
            self._forget_plug(evse)
        self._note_plug(evse, state)
        self._note_token(evse, session)
        self._run_timer(("connection", evse), authorized and state == "idle", now_ms)
        several = self._config.plug_in_timeout and len(self._sessions) > 1
        waits = state == "waiting_auth" and not authorized and evse not in self._lapsed
        self._run_timer(("plug-in", evse), several and waits, now_ms)

    def _run_timer(self, name: tuple[str, int], runs: bool, now_ms: int) -> None:
        if not runs:
            self._timers.cancel(name)
        elif name not in self._timers:
            self._timers.set(name, now_ms + self.connection_timeout_ms)

    def _note_plug(self, evse: int, state: str) -> None:
        if state != "waiting_auth":
            self._forget_plug(evse)
        elif evse not in self._plug_ins:
            self._plug_in_count += 1
            self._plug_ins[evse] = self._plug_in_count

    def _forget_plug(self, evse: int) -> None:
        """The car has left, or another one is there in its place."""
        self._plug_ins.pop(evse, None)
        self._lapsed.discard(evse)
        self._timers.cancel(("plug-in", evse))

    def _note_token(self, evse: int, session: Session) -> None:
        token = self._pending.get(evse)
        if token is None:
            return
        if session.record.transaction:
            del self._pending[evse]
            self._outcomes.tell(token, S.UsedToStart, (evse,))
        elif not session.authorized:
            del self._pending[evse]
            self._outcomes.tell(token, S.Withdrawn, (evse,))
