"""What the steps of a conformance case are written in, whatever the version of OCPP.

Every wait is bounded in the station's time. A CALL of the station that no step has taken by the
end of the case, and that is not among the `expected_noise`, fails it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from conformance_csms import Csms, Payload, Received, Reply, Rules
from conformance_driver import StationDriver
from conformance_files import FileServer
from conformance_pki import Pki

T = TypeVar("T")
SOON_S = 15.0
"""For what a station does by itself: lock, contactor, and a message."""
ANSWER_S = 30.0


class CaseFailed(AssertionError):
    """The station did not do what the case wants."""


class Bench:
    """One case's station and back office."""

    expected_noise: frozenset[str] = frozenset()

    def __init__(self, station: StationDriver, csms: Csms, pki: Pki) -> None:
        self.station = station
        self.csms = csms
        self.pki = pki
        self._loop = station.loop
        self._files: FileServer | None = None

    @property
    def files(self) -> FileServer:
        """Runs from the first look on."""
        if self._files is None:
            self._files = FileServer()
            self.run(self._files.start(), 1.0)
        return self._files

    @contextmanager
    def switched_on(self) -> Iterator[None]:
        """The back office listens, the station dials; afterwards nothing is left of either."""
        station = self.station
        try:
            self.start_csms(self.pki.rules(station, station.look.security_profile))
            station.install(lambda: self.csms.port, self.pki.delivered(station))
            yield
        finally:
            station.close()
            self._close()

    def run(self, work: Coroutine[Any, Any, T], within_s: float) -> T:
        """Let the station live until `work` is done. Raises TimeoutError."""
        return self._loop.run_until_complete(asyncio.wait_for(work, within_s))

    def wait(self, span_s: float) -> None:
        """Let time pass."""
        self._loop.run_until_complete(asyncio.sleep(span_s))

    @property
    def now_s(self) -> float:
        return self.station.clock.now_ms() / 1000

    def start_csms(self, rules: Rules) -> None:
        """Listen from now on, under these rules."""
        self.run(self.csms.start(rules), 1.0)

    def stop_csms(self) -> None:
        """Listen no more, and drop who is there."""
        self.run(self.csms.stop(), 10.0)

    # --- the back office --------------------------------------------------------------------------

    def ask(self, action: str, **payload: Any) -> Reply:
        """A CALL to the station, and whatever it answers."""
        try:
            return self.run(self.csms.call(action, payload), ANSWER_S)
        except TimeoutError:
            raise CaseFailed(f"{action} was not answered within {ANSWER_S:g} s") from None

    def call(self, action: str, **payload: Any) -> Payload:
        """A CALL to the station; it must not be answered with a CALLERROR."""
        reply = self.ask(action, **payload)
        if reply.error:
            raise CaseFailed(f"{action} {payload} was answered with {reply.error}")
        return reply.payload

    def accepted(self, action: str, **payload: Any) -> Payload:
        """A CALL that must be answered with the status Accepted."""
        return self.answered("Accepted", action, **payload)

    def answered(self, status: str, action: str, **payload: Any) -> Payload:
        """A CALL that must be answered with this status."""
        answer = self.call(action, **payload)
        if answer.get("status") != status:
            raise CaseFailed(f"{action} {payload}: {answer}, and not {status}")
        return answer

    def is_noise(self, message: Received) -> bool:
        """May it come at any time?"""
        return message.action in self.expected_noise

    # --- what the station sends -------------------------------------------------------------------

    def expect(self, action: str, *, within_s: float = SOON_S, **fields: Any) -> Received:
        """The first CALL of this action that no step has taken yet; these fields must be so."""
        message = self._next(action, within_s, {})
        return self._checked(message, fields)

    def of(
        self, action: str, subject: Payload, *, within_s: float = SOON_S, **fields: Any
    ) -> Received:
        """As `expect`, among those CALLs in which the fields of `subject` are so."""
        return self._checked(self._next(action, within_s, subject), fields)

    def sent(self, action: str, **fields: Any) -> list[Received]:
        """All CALLs of the action so far, taken or not, in which these fields are so."""
        return [m for m in self.csms.messages if m.action == action and _has(m, fields)]

    def untaken(self, action: str | None = None) -> list[Received]:
        return [m for m in self.csms.messages if not m.taken and action in (None, m.action)]

    def quiet(self, span_s: float, *but: str) -> None:
        """Let time pass, in which nothing comes but these actions and the expected noise."""
        known = len(self.csms.messages)
        self.wait(span_s)
        came = self.csms.messages[known:]
        odd = [m for m in came if m.action not in but and not self.is_noise(m)]
        if odd:
            raise CaseFailed(f"not expected: {_shown(odd)}")

    def take(self, action: str) -> list[Received]:
        """Let all that came of this action count as expected."""
        found = self.untaken(action)
        for message in found:
            message.taken = True
        return found

    def reconnected(self, *, within_s: float = 120.0) -> None:
        """Wait until the station is connected."""
        try:
            self.run(self.csms.until(lambda: self.csms.connected), within_s)
        except TimeoutError:
            raise CaseFailed(f"not connected within {within_s:g} s") from None

    def disconnected(self, *, within_s: float = SOON_S) -> None:
        """Wait until the station is not connected."""
        try:
            self.run(self.csms.until(lambda: not self.csms.connected), within_s)
        except TimeoutError:
            raise CaseFailed(f"still connected after {within_s:g} s") from None

    def finish(self) -> None:
        """The end of the case."""
        if self.csms.complaints:
            raise CaseFailed("\n".join(self.csms.complaints))
        odd = [m for m in self.untaken() if not self.is_noise(m)]
        if odd:
            raise CaseFailed(f"nobody asked for: {_shown(odd)}")

    def _close(self) -> None:
        """Of a case that failed in the middle, nothing lives on."""
        self.stop_csms()
        if self._files is not None:
            self.run(self._files.stop(), 10.0)
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        for _ in range(5):  # what was cut off leaves its socket at the loop's next turns
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    # --- inside -----------------------------------------------------------------------------------

    def _next(self, action: str, within_s: float, subject: Payload) -> Received:
        def found() -> list[Received]:
            return [m for m in self.untaken(action) if _has(m, subject)]

        try:
            self.run(self.csms.until(lambda: bool(found())), within_s)
        except TimeoutError:
            came = _shown(self.untaken()) or "nothing"
            wanted = f"{action} {subject or ''}".strip()
            raise CaseFailed(f"no {wanted} within {within_s:g} s; there is: {came}") from None
        message = found()[0]
        message.taken = True
        return message

    def _checked(self, message: Received, fields: Payload) -> Received:
        if not _has(message, fields):
            raise CaseFailed(f"{_shown([message])} is not {fields}")
        return message


def _has(message: Received, fields: Payload) -> bool:
    return all(message.payload.get(name) == value for name, value in fields.items())


def _shown(messages: list[Received]) -> str:
    return "; ".join(f"{m.action} {m.payload} at {m.at_ms} ms" for m in messages)
