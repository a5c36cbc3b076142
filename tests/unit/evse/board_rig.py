"""A board on a desk and a scripted technician, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drivers.board.native import NativeBoard
from drivers.board.profile import BoardProfile, load_profile
from evse.board_check.record import Finding
from evse.board_check.step import Step
from evse.board_check.steps import walk
from evse.cli.board_fitting import fitting_of
from evse.cli.board_walk import Walker
from evse.clock import VirtualClock
from hil.pi.desk import Desk

REFERENCE = "pievse-reference"
ANSWER_MS = 700
"""How long this technician thinks."""


class Technician:
    """Types an answer to each prompt; `answers` by a part of the prompt win."""

    def __init__(
        self, clock: VirtualClock, answers: Mapping[str, str | BaseException] | None = None
    ) -> None:
        self._clock = clock
        self.answers = dict(answers or {})
        self.said: list[str] = []
        self.shown: list[str] = []
        self.on_turn: Callable[[], None] = lambda: None
        self._typed: list[tuple[int, str | BaseException]] = []

    def say(self, text: str) -> None:
        self.said.append(text)
        if (answer := self._answer(text)) is not None:
            self._typed.append((self._clock.now_ms() + ANSWER_MS, answer))

    def live(self, text: str) -> None:
        self.shown.append(text)

    def typed(self) -> str | None:
        if self._typed and self._clock.now_ms() >= self._typed[0][0]:
            answer = self._typed.pop(0)[1]
            if isinstance(answer, BaseException):
                raise answer
            return answer
        return None

    def wait_until(self, now_ms: int) -> None:
        self._clock.advance_to(max(now_ms, self._clock.now_ms()))
        self.on_turn()

    def _answer(self, text: str) -> str | BaseException | None:
        for part, answer in self.answers.items():
            if part in text:
                return answer
        if "Type the word mains" in text:
            return "mains"
        if "Enter begins" in text or "Enter goes on" in text or text.endswith("then Enter"):
            return ""
        return "y" if text.endswith("(y or n)") else None


class Room:
    """One walk in a workshop."""

    def __init__(
        self,
        profile: BoardProfile | None = None,
        *,
        evses: int = 1,
        watchdog_ms: int | None = 200,
        answers: Mapping[str, str | BaseException] | None = None,
    ) -> None:
        self.profile = profile or load_profile(REFERENCE)
        self.clock = VirtualClock(1_000)
        self.desk = Desk(self.profile, evses, self.clock.now_ms, watchdog_ms=watchdog_ms)
        self.plant = self.desk.plants[1]
        self.technician = Technician(self.clock, answers)
        self.board = NativeBoard(self.desk.pi, self.profile, evses, pause=self._pause)
        self.steps: list[Step] = walk(fitting_of(self.profile, evses, "relay K1"))
        self.walker = Walker(
            self.board,
            range(1, evses + 1),
            self.clock,
            self.technician,
            hand=self.desk,
            yes_interlock=True,
        )

    def _pause(self, span_ms: int) -> None:
        self.clock.advance_to(self.clock.now_ms() + span_ms)

    def walk(self, *names: str) -> dict[str, Finding]:
        """Those steps, or all; the board is closed then."""
        steps = [step for step in self.steps if not names or step.name in names]
        assert len(steps) == len(names) or not names, f"{names} of {[s.name for s in self.steps]}"
        try:
            self.walker.walk(steps)
        finally:
            self.board.close()
        return {finding.step: finding for finding in self.walker.findings}
