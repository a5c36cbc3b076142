"""The guard: ring 1. Decides, every 10 ms and without anyone's help, whether current may flow.

Responsibility: `Guard` keeps one EVSE's kernel state for a host (the native guard process, the
virtual board) and gives it permits, commands and readings. It may open alone; it closes only under
a live permit. A host that cannot keep the period must say so with `sample=None`; a host that dies
leaves the outputs to ring 0's coil watchdog. The decisions are in `evse/guard/kernel.py`, the rules
as data in `evse/guard/rules.py`.
"""

from __future__ import annotations

from evse.guard.commands import command, status
from evse.guard.facts import Hardware, Inputs, Outputs, Seen, Timing, observe
from evse.guard.kernel import initial, outputs, renew, step
from evse.guard.lock_drive import LockDrive
from evse.guard.rules import RULES, Rules
from evse.guard.state import GuardState, canonical, next_deadline_ms
from evse.model import BoardStatus, CommandStatus, CommandVerb, Permit

__all__ = [
    "RULES",
    "Guard",
    "GuardState",
    "Hardware",
    "Inputs",
    "LockDrive",
    "Outputs",
    "Rules",
    "Seen",
    "Timing",
    "canonical",
    "command",
    "initial",
    "next_deadline_ms",
    "observe",
    "outputs",
    "renew",
    "status",
    "step",
]

_SEQ_MODULUS = 2**32
_SEQ_NEWER = 2**31


class Guard:
    """The kernel with its state, for a host: one per EVSE.

    The host calls `step` every period, or only when an input changes and at `next_deadline_ms`:
    both give the same outputs.
    """

    def __init__(self, hardware: Hardware, timing: Timing, rules: Rules = RULES) -> None:
        self._hardware = hardware
        self._timing = timing
        self._rules = rules
        self._state = initial(hardware)
        self._seen = Seen()
        self._outputs = outputs(self._state)
        self._now_ms: int | None = None
        self._settled = False
        self._quiet_until_ms: int | None = None
        self._last_seq: int | None = None
        self.stale_permits = 0
        """Permits ignored because an equal or newer one had come before."""

    @property
    def hardware(self) -> Hardware:
        return self._hardware

    @property
    def timing(self) -> Timing:
        return self._timing

    @property
    def state(self) -> GuardState:
        return self._state

    @property
    def next_deadline_ms(self) -> int | None:
        """When to step next if no input changes; None: never. Due at once while unsettled."""
        return self._quiet_until_ms if self._settled else (self._now_ms or 0) + 1

    def permit(self, permit: Permit, now_ms: int) -> bool:
        """Take a permit if it is newer than the last (modulo 2**32); True if it was."""
        if self._last_seq is not None:
            ahead = (permit.seq - self._last_seq) % _SEQ_MODULUS
            if not 0 < ahead < _SEQ_NEWER:
                self.stale_permits += 1
                return False
        self._last_seq = permit.seq
        self._state = renew(self._state, permit, now_ms)
        self._settled = False
        return True

    def permit_reset(self) -> None:
        """A new link session counts from anew. The lease itself runs on, or out."""
        self._last_seq = None

    def command(self, verb: CommandVerb, now_ms: int) -> CommandStatus:
        """Obey or refuse. Before the first step nothing is known, so everything is refused."""
        if self._now_ms is None:
            return CommandStatus.REFUSED
        self._state, result = command(
            self._hardware, self._timing, self._rules, self._state, now_ms, self._seen, verb
        )
        self._settled = False
        return result

    def step(self, now_ms: int, inputs: Inputs) -> Outputs:
        """One period: read, decide, and say what to drive."""
        seen = observe(self._hardware, inputs, self._state.pilot.state)
        self._now_ms = now_ms
        if self._settled and seen == self._seen:
            quiet_until_ms = self._quiet_until_ms
            if quiet_until_ms is None or now_ms < quiet_until_ms:
                return self._outputs
        state = step(self._hardware, self._timing, self._rules, self._state, now_ms, seen)
        self._seen = seen
        self._settled = state is self._state
        if self._settled:
            self._quiet_until_ms = next_deadline_ms(self._timing, state, now_ms)
        self._state = state
        self._outputs = outputs(state)
        return self._outputs

    def status(self) -> BoardStatus:
        """As of the last step."""
        return status(
            self._hardware,
            self._timing,
            self._rules,
            self._state,
            self._now_ms or 0,
            self._seen,
        )
