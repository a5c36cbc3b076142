"""Where the demonstration is played: what both stages, virtual and real, have in common."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import msgspec

from evse.clock import Clock
from hil.csms.brain import CsmsBrain
from hil.demo import words as demo_words
from hil.demo.timeline import Timeline
from hil.errors import HilError
from hil.trace import Lane, Trace
from ocpp_link.rpc.rpc import Payload

EVSE = 1
METER_EVERY_MS = 3_000
PATIENCE_S = 30.0
"""For anything that the story waits for, on a machine that is busy with other things."""
SESSION_EVENT = "evse_manager.session_event"
POWERMETER = "evse_manager.powermeter"


class DemoFailed(HilError):
    """Something did not go as told; the message says what."""


class ToldBrain(CsmsBrain):
    """A back office that tells of every CALL that it answers."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.told: Callable[[str, Payload, Payload], None] = lambda _action, _payload, _reply: None

    def answer(self, action: str, payload: Payload) -> Payload:
        reply = super().answer(action, payload)
        self.told(action, payload, reply)
        return reply


class Stage(abc.ABC):
    """A station, its metal, its back office, and the timeline that tells of them."""

    def __init__(self, timeline: Timeline, clock: Clock) -> None:
        self.timeline = timeline
        self.clock = clock
        self.brain = ToldBrain(clock)
        self.brain.told = self._called
        self._shown_ms = clock.now_ms()
        self._meter_told_ms = clock.now_ms() - METER_EVERY_MS
        self._register_wh = 0.0

    @property
    @abc.abstractmethod
    def trace(self) -> Trace: ...

    @abc.abstractmethod
    async def call(self, method: str, **params: Any) -> Any:
        """A call at the station's door, `sim.*` included. Raises DemoFailed."""

    @abc.abstractmethod
    async def order(self, action: str, payload: Payload) -> Payload:
        """A CALL of the back office to the station; its answer. Raises DemoFailed."""

    @abc.abstractmethod
    async def wait(self, span_s: float) -> None:
        """Let time pass and the timeline show it."""

    @abc.abstractmethod
    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Let time pass until `condition` is true. Raises DemoFailed, naming `what`."""

    # --- what the story asks ----------------------------------------------------------------------

    def say(self, lane: str, text: str) -> None:
        """A line of the timeline, now."""
        self.timeline.add(self.clock.now_ms(), lane, text)

    def fault(self, name: str) -> None:
        """A mishap that is no fault of the metal, for the trace."""
        self.trace.record(self.clock.now_ms(), EVSE, Lane.FAULT, name)

    @property
    def current_a(self) -> float:
        return int(self.trace.at(Lane.CURRENT, self.clock.now_ms(), EVSE) or 0) / 1000

    async def command(self, action: str, payload: Payload) -> None:
        """Order something, and tell it with its answer. Raises DemoFailed where it is refused."""
        sent_ms = self.clock.now_ms()
        self.note_message("←", action)
        answer = await self.order(action, payload)
        verdict = demo_words.of_answer(answer)
        self.timeline.add(sent_ms, "OCPP ←", demo_words.of_message(action, payload, verdict))
        if verdict != "Accepted":
            raise DemoFailed(f"the station answered {action} with {verdict or answer}")

    @abc.abstractmethod
    def note_message(self, direction: str, action: str) -> None:
        """An OCPP CALL was sent: keep it in the trace, unless somebody does already."""

    # --- what it is told --------------------------------------------------------------------------

    def show(self, before_ms: int) -> None:
        """Print everything that happened before `before_ms`."""
        if before_ms > self._shown_ms:
            for line in demo_words.of_metal(self.trace, self._shown_ms, before_ms, EVSE):
                self.timeline.add(*line)
            self._shown_ms = before_ms
        self.timeline.print_before(before_ms)

    def on_variable(self, variable: str, params: dict[str, Any]) -> None:
        """A notification of the station's door."""
        if variable == SESSION_EVENT:
            self.say("session", demo_words.of_event(params["value"]))
        elif variable == POWERMETER:
            self._metered(params["value"])

    def _metered(self, value: dict[str, Any]) -> None:
        register_wh, now_ms = value["energy_Wh_import"]["total"], self.clock.now_ms()
        if register_wh > self._register_wh and now_ms - self._meter_told_ms >= METER_EVERY_MS:
            self._meter_told_ms, self._register_wh = now_ms, register_wh
            power_kw = value["power_W"]["total"] / 1000
            self.say("meter", f"register {register_wh:.1f} Wh, {power_kw:.1f} kW")

    def _called(self, action: str, payload: Payload, reply: Payload) -> None:
        self.note_message("→", action)
        if action != "Heartbeat":
            answer = demo_words.of_answer(reply)
            self.say("OCPP →", demo_words.of_message(action, payload, answer))


class Metal(msgspec.Struct, frozen=True):
    """What the story's end asks of the metal (`sim.state`)."""

    energy_wh: float
    energised: bool
    violations: list[Any]


async def metal(stage: Stage) -> Metal:
    """The truth about the EVSE."""
    state = await stage.call("sim.state")
    return msgspec.convert(state[str(EVSE)], Metal)
