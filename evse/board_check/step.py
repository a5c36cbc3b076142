"""One step of the walk as data, and the machine that goes through it. Pure.

Responsibility: a step is a row of phases, each of which drives something, waits for a reading and
knows what to say where it does not come. Nothing here knows a pin or a terminal. Whatever moves
(contactor, lock, test) is at rest in a step's last phase, so that a question to the technician
is never asked with a coil on; a test holds that for every step of every profile.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from evse.guard.facts import Inputs, Outputs
from evse.panel import Indicator, Sound

Watch = Callable[[Inputs], str | None]
"""What is wrong, as the rest of a sentence; None: it is as it should be."""
Shows = Callable[[Inputs], str]
BY_ITSELF_MS = 300
"""A reading that a hand has brought about counts when it stands for so long."""


class Verdict(enum.StrEnum):
    """How a step ended."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


class Phase(msgspec.Struct, frozen=True):
    """One thing that is driven, and what has to be read then."""

    wanted: Watch
    within_ms: int = 1_000
    """For a hand's phase: counted from its Enter."""
    steady_ms: int = 0
    """The reading has to stand for so long."""
    drive: Outputs = Outputs()
    fed: bool = True
    """The coil supply's watchdog gets its edges."""
    never: Watch | None = None
    """What ends the step at once, whatever else is read."""
    do: str = ""
    """What a hand has to do first; "": nothing."""
    action: str = ""
    """The same for a simulated hand (hil/pi/desk.py)."""


class Step(msgspec.Struct, frozen=True):
    """One input or output of one EVSE, 0 for the station's."""

    name: str
    title: str
    evse: int
    happens: str
    measure: str
    expect: str
    phases: tuple[Phase, ...]
    shows: Shows
    question: str = ""
    """For what no input can see: answered with yes or no."""
    word: str = ""
    """To be typed before anything happens."""
    moves_contactor: bool = False
    indicator: Indicator | None = None
    sound: Sound | None = None


class Turn(msgspec.Struct, frozen=True):
    """What to do until the next period."""

    outputs: Outputs
    fed: bool = True
    do: str = ""
    action: str = ""
    asks: bool = False
    """All is read; the question is open."""
    verdict: Verdict | None = None
    why: str = ""


class StepRun:
    """One step, once. Called every period until it has a verdict."""

    def __init__(self, step: Step, now_ms: int) -> None:
        self.step = step
        self._at = 0
        self._since_ms = now_ms
        self._steady_ms: int | None = None
        self._done = not step.phases[0].do if step.phases else True
        self._presses: int | None = None
        self.took_ms: list[int] = []
        """For each phase that is over: until its reading came, after its drive or its Enter."""

    def turn(self, inputs: Inputs, now_ms: int, *, done: bool = False) -> Turn:
        """`done`: the technician has pressed Enter since the last period. Presses of the stop
        button count from the first period on."""
        if self._presses is None:
            self._presses = inputs.presses
        if self._presses:
            since = (inputs.presses - self._presses) % 2**16
            inputs = msgspec.structs.replace(inputs, presses=since)
        if self._at == len(self.step.phases):
            return self._end()
        phase = self.step.phases[self._at]
        if done and not self._done:
            self._done, self._since_ms = True, now_ms
        if phase.never is not None and (why := phase.never(inputs)):
            return Turn(Outputs(), verdict=Verdict.FAIL, why=why)
        wrong = phase.wanted(inputs)
        if wrong is None:
            if self._stands(phase, now_ms):
                return self._next(now_ms)
        else:
            self._steady_ms = None
            if self._done and now_ms - self._since_ms > phase.within_ms:
                return Turn(Outputs(), verdict=Verdict.FAIL, why=wrong)
        waits = not self._done
        return Turn(
            phase.drive,
            phase.fed,
            phase.do if waits else "",
            phase.action if waits else "",
        )

    def answered(self, *, yes: bool) -> Turn:
        """The technician's word on the question."""
        if yes:
            return Turn(Outputs(), verdict=Verdict.PASS, why=f"{self.step.question} yes")
        return Turn(Outputs(), verdict=Verdict.FAIL, why=f"{self.step.question} no")

    def _stands(self, phase: Phase, now_ms: int) -> bool:
        if self._steady_ms is None:
            self._steady_ms = now_ms
        needed_ms = max(phase.steady_ms, BY_ITSELF_MS) if phase.do else phase.steady_ms
        return now_ms - self._steady_ms >= needed_ms

    def _next(self, now_ms: int) -> Turn:
        since_ms = now_ms if self._steady_ms is None else self._steady_ms
        self.took_ms.append(max(0, since_ms - self._since_ms))
        self._at += 1
        self._since_ms, self._steady_ms = now_ms, None
        if self._at == len(self.step.phases):
            return self._end()
        phase = self.step.phases[self._at]
        self._done = not phase.do
        return Turn(phase.drive, phase.fed, phase.do, phase.action)

    def _end(self) -> Turn:
        last = self.step.phases[-1] if self.step.phases else None
        drive = Outputs() if last is None else last.drive
        if self.step.question:
            return Turn(drive, asks=True)
        return Turn(drive, verdict=Verdict.PASS)
