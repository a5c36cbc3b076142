"""The walk of `evse board check`: a board, a technician and the clock, ten milliseconds at a time.

Nothing here decides what is right (evse/board_check/ does); this drives and reads the board by the
drivers that ring 1 uses, shows what is read, and takes what is typed. Between two steps, and while
anybody is asked before one, every output is at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from drivers.board.native import NativeBoard
from evse.board_check.judge import OF_CONVERTER
from evse.board_check.record import Finding
from evse.board_check.step import Step, StepRun, Turn, Verdict
from evse.clock import Clock
from evse.guard.facts import Inputs, Timing
from evse.guard.host import PERIOD_MS, SAFE
from evse.panel import Indicator
from evse.pilot import PilotSample

REDRAW_MS = 200
SETTLE_MS = 600
"""Before the first step: every channel of the converter has been read."""
NEEDS_YES = "left out: add --yes-interlock once nobody can touch the outlet and it may be live"
STALL_MS = Timing().stall_ms
HELP = "Enter begins, s leaves it out, q ends the walk"


class Terminal(Protocol):
    """Who sits before the board."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def live(self, text: str) -> None:
        """The line that is drawn anew; "" clears it."""

    def typed(self) -> str | None:
        """A line that was typed since the last call. Raises EOFError when nobody is there."""

    def wait_until(self, now_ms: int) -> None:
        """Returns at that time, or a little later."""


class Hand(Protocol):
    """Does on a simulated board what the technician is told to do."""

    def act(self, evse: int, action: str) -> None: ...


class EndOfWalk(Exception):
    """The technician has had enough."""


class Walker:
    """One walk over one board."""

    def __init__(
        self,
        board: NativeBoard,
        evses: Sequence[int],
        clock: Clock,
        terminal: Terminal,
        *,
        hand: Hand | None = None,
        yes_interlock: bool = False,
    ) -> None:
        self.findings: list[Finding] = []
        self.complete = False
        self._board, self._evses, self._clock, self._terminal = board, evses, clock, terminal
        self._hand = hand
        self._yes = yes_interlock
        self._due_ms = clock.now_ms()
        self._drawn_ms = self._due_ms
        self._inputs: dict[int, Inputs] = {}
        self._sampled: dict[int, tuple[PilotSample, int]] = {}
        self._indicator = Indicator.OFF

    def walk(self, steps: Sequence[Step]) -> None:
        """Fills `findings`; `complete` where nobody broke it off. Raises GpioUnavailable."""
        self._rest(SETTLE_MS)
        try:
            for number, step in enumerate(steps, start=1):
                self._introduce(step, f"[{number}/{len(steps)}]")
                self.findings.append(self._do(step))
        except (EndOfWalk, EOFError):
            self._terminal.say("The walk is broken off.")
            return
        self.complete = True

    def _introduce(self, step: Step, count: str) -> None:
        say = self._terminal.say
        say(f"\n{count} {step.name}: {step.title}")
        say(f"  happens: {step.happens}")
        say(f"  measure: {step.measure}")
        say(f"  expect:  {step.expect}")

    def _do(self, step: Step) -> Finding:
        if step.moves_contactor and not self._yes:
            return self._tell(self._finding(step, Verdict.SKIP, NEEDS_YES))
        while True:
            if not self._begun(step):
                return self._tell(self._finding(step, Verdict.SKIP, "left out by the technician"))
            finding = self._tell(self._once(step))
            if finding.verdict is not Verdict.FAIL or not self._again(step):
                return finding

    def _begun(self, step: Step) -> bool:
        """False: it is left out."""
        if not step.word:
            self._terminal.say(f"  {HELP}")
        else:
            self._terminal.say(f"  Type the word {step.word} to begin; s leaves it out, q ends")
        while True:
            answer = self._asked(step)
            if answer == step.word:
                return True
            if answer == "s":
                return False
            self._terminal.say(f"  not {answer!r}: type {step.word or 'Enter'}, s or q")

    def _again(self, step: Step) -> bool:
        self._terminal.say("  Enter goes on, r does it again")
        return self._asked(step) == "r"

    def _once(self, step: Step) -> Finding:
        run = StepRun(step, self._clock.now_ms())
        if step.indicator is not None:
            self._indicator = step.indicator
        if step.sound is not None:
            self._board.sound(step.evse, step.sound, self._clock.now_ms())
        try:
            return self._run(step, run)
        finally:
            self._indicator = Indicator.OFF
            self._period(None, Turn(SAFE))

    def _run(self, step: Step, run: StepRun) -> Finding:
        turn, told, seen = Turn(SAFE), "", list[str]()
        while turn.verdict is None:
            inputs = self._period(step, turn)
            typed = self._heard()
            if typed == "s":
                return self._finding(step, Verdict.SKIP, "left out by the technician")
            if typed == "f":
                return self._finding(step, Verdict.FAIL, "the technician says that it fails")
            if turn.asks and typed in ("y", "n"):
                turn = run.answered(yes=typed == "y")
                continue
            if typed == "" and turn.action and self._hand is not None:
                self._hand.act(step.evse, turn.action)
            turn = run.turn(inputs, self._clock.now_ms(), done=typed == "")
            if len(seen) < len(run.took_ms):
                seen.append(f"{step.shows(inputs)} after {run.took_ms[-1]} ms")
            told = self._prompt(step, turn, told)
        if turn.verdict is Verdict.PASS:
            return self._finding(step, turn.verdict, turn.why, "; ".join(seen))
        return self._finding(step, turn.verdict, turn.why)

    def _prompt(self, step: Step, turn: Turn, told: str) -> str:
        """Say once what is to be done or answered now."""
        wanted = f"{step.question} (y or n)" if turn.asks else turn.do
        if wanted and wanted != told:
            self._terminal.say(f"  > {wanted}")
        return wanted

    def _asked(self, step: Step) -> str:
        """What is typed, with everything at rest meanwhile."""
        while True:
            self._period(step, Turn(SAFE))
            if (typed := self._heard()) is not None:
                return typed

    def _heard(self) -> str | None:
        typed = self._terminal.typed()
        if typed is None:
            return None
        if (word := typed.strip().lower()) == "q":
            raise EndOfWalk
        return word

    def _period(self, step: Step | None, turn: Turn) -> Inputs:
        """Drive, wait for the next period, read."""
        now_ms = self._clock.now_ms()
        first = self._evses[0]
        target = first if step is None or not step.evse else step.evse
        for evse in self._evses:
            outputs = turn.outputs if evse == target else SAFE
            self._board.write(evse, outputs, now_ms)
            self._board.show(evse, self._indicator if evse == target else Indicator.OFF, now_ms)
        if turn.fed:
            self._board.flush()
        self._due_ms = max(self._due_ms + PERIOD_MS, now_ms)
        self._terminal.wait_until(self._due_ms)
        now_ms = self._clock.now_ms()
        for evse in self._evses:
            self._inputs[evse] = self._held(evse, self._board.read(evse, now_ms), now_ms)
        if step is not None and now_ms - self._drawn_ms >= REDRAW_MS:
            self._drawn_ms = now_ms
            self._terminal.live(f"  reads: {step.shows(self._inputs[target])}")
        return self._inputs[target]

    def _held(self, evse: int, inputs: Inputs, now_ms: int) -> Inputs:
        """Peak detectors give no reading every other period: the last one stands as long as the
        guard would let it."""
        if inputs.sample is not None:
            self._sampled[evse] = (inputs.sample, now_ms)
            return inputs
        sample, taken_ms = self._sampled.get(evse, (None, 0))
        if inputs.wiring & OF_CONVERTER or now_ms - taken_ms > STALL_MS:
            return inputs
        return msgspec.structs.replace(inputs, sample=sample)

    def _rest(self, span_ms: int) -> None:
        until_ms = self._clock.now_ms() + span_ms
        while self._clock.now_ms() < until_ms:
            self._period(None, Turn(SAFE))

    def _finding(self, step: Step, verdict: Verdict, why: str, reading: str = "") -> Finding:
        """`reading`: where there were several; else the last one."""
        shown = reading or step.shows(self._inputs[step.evse or self._evses[0]])
        return Finding(step.name, step.title, verdict, shown, why, step.expect)

    def _tell(self, finding: Finding) -> Finding:
        self._terminal.live("")
        why = f": {finding.why}" if finding.why else ""
        self._terminal.say(f"  {finding.verdict.upper()} ({finding.reading}){why}")
        return finding
