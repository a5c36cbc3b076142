"""The host's end of the link, without I/O: bytes and times in, events and bytes out.

Guarantees: no permit leaves before the board's hello was accepted, nor once any EVSE of the
station has been silent for `silence_ms`; an unsent permit is replaced by a newer one, never
queued behind it; a command ends in exactly one CommandDone. What is kept is bounded, whatever
the board sends and however long the port is blocked. Assumes nothing about the board.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from evse.clock import earliest
from evse.model import F_BP, X1_BP, BoardIdentity, CommandVerb, LockTarget, Permit
from evse.panel import Indicator
from firmware_bridge.command_lane import CommandLane
from firmware_bridge.events import (
    Analog,
    HostEvent,
    LinkDown,
    LinkUp,
    Restarted,
    Status,
)
from firmware_bridge.hello import Expected, refusal
from firmware_bridge.hello_lane import HelloLane
from firmware_bridge.host_stats import HostLinkStats, Tally, gather
from firmware_bridge.message_stream import MessageReader, to_wire
from firmware_bridge.messages import (
    AnalogMessage,
    Command,
    CommandResult,
    Hello,
    LinkStats,
    Message,
    StatusMessage,
)
from firmware_bridge.permit_lane import PermitLane
from firmware_bridge.sequence import U32
from firmware_bridge.telemetry_inbox import TelemetryInbox
from firmware_bridge.timing import LinkTiming


class Phase(enum.Enum):
    CLOSED = "closed"
    """No port."""
    HELLO = "hello"
    """Asking who is there."""
    UP = "up"


class HostSession:
    """One board on one port. Call `connected` when the port opens, `disconnected` when it goes."""

    def __init__(
        self,
        *,
        evses: int,
        next_nonce: Callable[[], int],
        expected_config_crc: int | None = None,
        timing: LinkTiming | None = None,
    ) -> None:
        """`evses` 1 to 255 that the station needs; `next_nonce` gives 32 random bits a call;
        `expected_config_crc` None accepts any configuration of the board."""
        timing = timing or LinkTiming()
        self._expected = Expected(evses=evses, config_crc=expected_config_crc)
        self._reader = MessageReader()
        self._hello = HelloLane(next_nonce, timing)
        self._permits = PermitLane()
        self._commands = CommandLane(timing)
        self._inbox = TelemetryInbox(evses=evses, silence_ms=timing.silence_ms)
        self._phase = Phase.CLOSED
        self._events: list[HostEvent] = []
        self._now_ms = 0
        self._errors_before = 0
        self._tally = Tally()
        self.identity: BoardIdentity | None = None
        """Of the board that was last accepted."""
        self.why_down: str | None = None
        """The last sentence of LinkDown; None while up, and before anything is known."""

    @property
    def up(self) -> bool:
        return self._phase is Phase.UP

    # For the owner of the port.

    def connected(self, now_ms: int) -> list[HostEvent]:
        """The port is open: forget half a frame and ask who is there."""
        if self.up:
            self._fall("the port was opened anew")
        self._reader.reset()
        self._ask(now_ms)
        return self._taken(now_ms)

    def disconnected(self, why: str, now_ms: int) -> list[HostEvent]:
        """The port is gone; `why` is the sentence for people."""
        self._fall(why)
        return self._taken(now_ms)

    def receive(self, data: bytes, now_ms: int) -> list[HostEvent]:
        """Events of the frames that `data` completes. Never raises, whatever the bytes."""
        for message in self._reader.read(data):
            self._dispatch(message, now_ms)
        return self._taken(now_ms)

    def poll(self, now_ms: int) -> list[HostEvent]:
        """Act on what is due by `now_ms`; call it at `next_deadline_ms`."""
        if self._phase is Phase.HELLO:
            self._hello.poll(now_ms)
            if self._hello.unanswered:
                self._tell_down(self._no_answer())
        elif self._phase is Phase.UP:
            done = self._commands.poll(now_ms)
            if done is not None:
                self._events.append(done)
            self._check_silence(now_ms)
        return self._taken(now_ms)

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` has something to do; None = only after some other call."""
        if self._events:
            return self._now_ms
        if self._phase is Phase.HELLO:
            return self._hello.next_deadline_ms
        if self._phase is Phase.UP:
            return earliest(self._inbox.next_deadline_ms, self._commands.next_deadline_ms)
        return None

    def data_to_send(self) -> bytes:
        """Everything that should leave now; call it only when all before has left."""
        messages: list[Message] = [*self._permits.take()]
        hello = self._hello.take_due()
        if hello is not None:
            messages.append(hello)
        command = self._commands.take_due()
        if command is not None:
            messages.append(command)
        return to_wire(messages)

    # For the core.

    def send_permit(
        self,
        evse: int,
        *,
        close: bool,
        duty_bp: int,
        lock: LockTarget = LockTarget.KEEP,
        phases: int = 3,
        indicator: Indicator = Indicator.OFF,
        now_ms: int,
    ) -> bool:
        """Let a permit leave next; False when the link is down and it was withheld.

        Raises ValueError for an EVSE that the station does not have, a duty beyond X1, or phases
        other than 1 and 3.
        """
        self._demand_evse(evse)
        if not F_BP <= duty_bp <= X1_BP:
            raise ValueError(f"duty_bp is {F_BP} to {X1_BP}, not {duty_bp}")
        if phases not in (1, 3):
            raise ValueError(f"phases is 1 or 3, not {phases}")
        return self._permits.offer(evse, Permit(0, close, duty_bp, lock, phases, indicator), now_ms)

    def command(self, evse: int, verb: CommandVerb, arg: int = 0, *, now_ms: int) -> int:
        """Put a command in line and return its id; its CommandDone comes as an event.

        With the link down, or 16 in line, it is lost at once. Raises ValueError for an EVSE
        that the station does not have or an `arg` outside 32 bits.
        """
        self._demand_evse(evse)
        if not 0 <= arg < U32:
            raise ValueError(f"arg is 0 to {U32 - 1}, not {arg}")
        self._now_ms = now_ms
        command = Command(self._hello.session, self._commands.next_id(), evse, verb, arg)
        if self.up and not self._commands.full:
            self._commands.add(command, now_ms)
        else:
            self._events.append(self._commands.lose(command))
        return command.id

    @property
    def stats(self) -> HostLinkStats:
        return gather(self._reader, self._inbox, self._permits, self._commands, self._tally)

    def _dispatch(self, message: Message, now_ms: int) -> None:
        match message:
            case Hello() if self._phase is Phase.HELLO and self._ours(message.session):
                self._on_hello(message, now_ms)
            case StatusMessage() if self.up:
                self._on_status(message, now_ms)
            case AnalogMessage() if self.up and self._ours(message.session):
                if self._inbox.accept_analog(message.evse, message.seq):
                    self._events.append(Analog(message.evse, message.analog))
            case CommandResult() if self.up and self._ours(message.session):
                self._on_result(message, now_ms)
            case LinkStats() if self.up and self._ours(message.session):
                self._tally.board = message
            case StatusMessage() | AnalogMessage() | LinkStats() if not self.up:
                pass  # Boards talk all the time; until the hello it concerns nobody.
            case _:
                self._tally.unexpected += 1

    def _on_hello(self, hello: Hello, now_ms: int) -> None:
        self._tally.add_round_trip(self._hello.answered(now_ms))
        why = refusal(hello, self._expected)
        if why is not None:
            self._tell_down(why)
            return
        new, old = hello.identity, self.identity
        if old is not None and old.boot_id != new.boot_id:
            self._events.append(Restarted(old.boot_id, new.boot_id))
        self._events.append(LinkUp(new))
        self.identity = new
        self.why_down = None
        self._tally.links_up += 1
        self._phase = Phase.UP
        self._inbox.restart(now_ms)
        self._permits.open(hello.session)
        self._permits.hear(hello.t_ms, now_ms)

    def _on_status(self, message: StatusMessage, now_ms: int) -> None:
        if not self._ours(message.session):
            self._fall("the board forgot this session: it restarted, or another host spoke to it")
            self._ask(now_ms)
        elif self._inbox.accept_status(message.evse, message.seq, now_ms):
            self._permits.hear(message.t_ms, now_ms)
            self._events.append(Status(message.evse, message.status, message.t_ms))

    def _on_result(self, message: CommandResult, now_ms: int) -> None:
        finished = self._commands.on_result(message.id, message.status, now_ms)
        if finished is not None:
            done, rtt_ms = finished
            self._events.append(done)
            self._tally.add_round_trip(rtt_ms)

    def _check_silence(self, now_ms: int) -> None:
        silent = self._inbox.silent(now_ms)
        if silent is not None:
            evse, silent_ms = silent
            self._fall(f"the board sent no status of EVSE {evse} for {silent_ms} ms")
            self._ask(now_ms)

    def _no_answer(self) -> str:
        if self._reader.frames.errors > self._errors_before:
            return "the board does not answer, only rubbish arrives: check speed and wiring"
        return "the board does not answer the hello"

    def _ask(self, now_ms: int) -> None:
        self._phase = Phase.HELLO
        self._errors_before = self._reader.frames.errors
        self._hello.ask(now_ms)

    def _fall(self, why: str) -> None:
        self._phase = Phase.CLOSED
        self._hello.close()
        self._permits.close()
        self._events += self._commands.lose_all()
        self._tell_down(why)

    def _tell_down(self, why: str) -> None:
        if why != self.why_down:
            self.why_down = why
            self._events.append(LinkDown(why))

    def _ours(self, session: int) -> bool:
        return session == self._hello.session

    def _demand_evse(self, evse: int) -> None:
        if not 1 <= evse <= self._expected.evses:
            raise ValueError(f"evse is 1 to {self._expected.evses}, not {evse}")

    def _taken(self, now_ms: int) -> list[HostEvent]:
        self._now_ms = now_ms
        events, self._events = self._events, []
        return events
