"""The board's end of the link, without I/O: for the guard process and for simulated boards.

Guarantees: only permits that pass the gate come out (see permit_gate.py); a command comes out
once, however often its frame arrives; what is kept is bounded, and telemetry that cannot leave
is overtaken by newer telemetry. Never raises on any bytes. A host that speaks another protocol
or table gets an answer, and no session.
"""

from __future__ import annotations

import msgspec

from evse.clock import earliest
from evse.model import (
    BoardAnalog,
    BoardIdentity,
    BoardPace,
    BoardStatus,
    CommandStatus,
    CommandVerb,
)
from firmware_bridge.codec import PROTOCOL_VERSION, SCHEMA_HASH
from firmware_bridge.command_memory import Arrival, CommandMemory
from firmware_bridge.events import BoardEvent, CommandReceived, HostHello, PermitReceived
from firmware_bridge.hello import same_language
from firmware_bridge.message_stream import MessageReader, to_wire
from firmware_bridge.messages import (
    NO_SESSION,
    AnalogMessage,
    Command,
    CommandResult,
    Hello,
    HelloRequest,
    LinkStats,
    Message,
    PermitMessage,
    StatusMessage,
)
from firmware_bridge.permit_gate import PermitGate
from firmware_bridge.sequence import U16, U32
from firmware_bridge.timing import LinkTiming


class _Telemetry(msgspec.Struct):
    """What one EVSE last said, and what of it still has to leave."""

    status: BoardStatus | None = None
    seen_ms: int = 0
    status_seq: int = 0
    status_due: bool = False
    analog: BoardAnalog | None = None
    """Waiting to leave; None = has left."""
    analog_seq: int = 0


class BoardSession:
    """One board towards whoever holds the other end of its port."""

    def __init__(self, identity: BoardIdentity, timing: LinkTiming | None = None) -> None:
        """Raises MessageError when `identity` does not fit into a hello."""
        self._timing = timing or LinkTiming()
        self._identity = identity
        to_wire([self._hello(NO_SESSION, 0)])
        self._reader = MessageReader()
        self._gate = PermitGate(evses=identity.evses, age_ms=self._timing.permit_age_ms)
        self._memory = CommandMemory()
        self._session = NO_SESSION
        self._hello_due: Hello | None = None
        self._telemetry = {evse: _Telemetry() for evse in range(1, identity.evses + 1)}
        self._unexpected = 0
        self._stats_ms: int | None = None
        self._stats_due = False
        self.repeated_commands = 0
        """Copies of commands that were not done again."""
        self.pace = BoardPace()
        """Of the loop that this board lives in, as last told."""

    @property
    def session(self) -> int:
        """Of the last accepted hello; 0 = none."""
        return self._session

    @property
    def stats(self) -> LinkStats:
        """This end's counters since its start."""
        return LinkStats(
            session=self._session,
            frames=self._reader.frames.frames % U32,
            bad_frames=self._reader.frames.errors % U32,
            malformed=(self._reader.malformed + self._unexpected) % U32,
            permits=self._gate.passed % U32,
            permits_refused=self._gate.refused % U32,
            permits_late=self._gate.late % U32,
            rtt_ms=self._gate.rtt_ms,
            turns=self.pace.turns % U32,
            late_turns=self.pace.late % U32,
            worst_us=min(self.pace.worst_us, U32 - 1),
            overslept=self.pace.overslept % U32,
        )

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` has something to do."""
        heartbeats = [
            each.seen_ms + self._timing.heartbeat_ms
            for each in self._telemetry.values()
            if each.status is not None
        ]
        return earliest(*heartbeats, self._stats_ms)

    def connected(self) -> None:
        """The byte stream starts anew: forget half a frame. The session stays."""
        self._reader.reset()

    def receive(self, data: bytes, now_ms: int) -> list[BoardEvent]:
        """Events of the frames that `data` completes. Never raises, whatever the bytes."""
        events: list[BoardEvent] = []
        for message in self._reader.read(data):
            event = self._dispatch(message, now_ms)
            if event is not None:
                events.append(event)
        return events

    def send_status(self, evse: int, status: BoardStatus, now_ms: int) -> None:
        """Tell the state of an EVSE as it is now: leaves at once if it changed, else as the
        heartbeat when that is due. Call it as often as convenient. Raises KeyError for an EVSE
        that this board does not have."""
        telemetry = self._telemetry[evse]
        if status != telemetry.status:
            telemetry.status = status
            _stamp(telemetry, now_ms)
        elif now_ms - telemetry.seen_ms >= self._timing.heartbeat_ms:
            _stamp(telemetry, now_ms)

    def send_analog(self, evse: int, analog: BoardAnalog) -> None:
        """Tell the measurements of an EVSE. Raises KeyError for one that is not there."""
        telemetry = self._telemetry[evse]
        telemetry.analog = analog
        telemetry.analog_seq = (telemetry.analog_seq + 1) % U16

    def send_result(self, id_: int, status: CommandStatus) -> bool:
        """Answer a CommandReceived; False when its session or turn is over."""
        return self._memory.answer(id_, status)

    def poll(self, now_ms: int) -> None:
        """Make heartbeats and LINK_STATS due; call it at `next_deadline_ms`."""
        for telemetry in self._telemetry.values():
            if (
                telemetry.status is not None
                and now_ms - telemetry.seen_ms >= self._timing.heartbeat_ms
            ):
                _stamp(telemetry, now_ms)
        if self._stats_ms is not None and now_ms >= self._stats_ms:
            self._stats_ms = now_ms + self._timing.stats_ms
            self._stats_due = True

    def data_to_send(self) -> bytes:
        """Everything that should leave now; call it only when all before has left."""
        messages: list[Message] = []
        if self._hello_due is not None:
            messages.append(self._hello_due)
            self._hello_due = None
        result = self._memory.take_due()
        if result is not None:
            messages.append(CommandResult(self._session, *result))
        for evse, telemetry in self._telemetry.items():
            self._collect(evse, telemetry, messages)
        if self._stats_due:
            self._stats_due = False
            messages.append(self.stats)
        return to_wire(messages)

    def _collect(self, evse: int, telemetry: _Telemetry, messages: list[Message]) -> None:
        if telemetry.status_due and telemetry.status is not None:
            telemetry.status_due = False
            messages.append(
                StatusMessage(
                    evse,
                    self._session,
                    telemetry.status_seq,
                    telemetry.seen_ms % U32,
                    telemetry.status,
                )
            )
        if telemetry.analog is not None:
            messages.append(
                AnalogMessage(evse, self._session, telemetry.analog_seq, telemetry.analog)
            )
            telemetry.analog = None

    def _dispatch(self, message: Message, now_ms: int) -> BoardEvent | None:
        match message:
            case HelloRequest():
                return self._on_hello(message, now_ms)
            case PermitMessage():
                if self._gate.passes(message, now_ms):
                    return PermitReceived(message.evse, message.permit)
            case Command() if message.session == self._session != NO_SESSION:
                return self._on_command(message)
            case _:
                self._unexpected += 1
        return None

    def _on_hello(self, request: HelloRequest, now_ms: int) -> HostHello | None:
        self._hello_due = self._hello(request.session, now_ms)
        session = request.session if same_language(request) else NO_SESSION
        if session == self._session:
            return None
        self._session = session
        self._gate.open(session)
        self._memory.forget()
        self._stats_ms = None
        if session == NO_SESSION:
            return None
        self._stats_ms = now_ms + self._timing.stats_ms
        for telemetry in self._telemetry.values():
            if telemetry.status is not None:
                _stamp(telemetry, now_ms)
        return HostHello(session)

    def _on_command(self, command: Command) -> CommandReceived | None:
        if self._memory.arrive(command.id) is not Arrival.NEW:
            self.repeated_commands += 1
            return None
        if command.evse not in self._telemetry or command.verb not in _VERBS:
            self._memory.answer(command.id, CommandStatus.UNKNOWN)
            return None
        return CommandReceived(command.id, command.evse, CommandVerb(command.verb), command.arg)

    def _hello(self, session: int, now_ms: int) -> Hello:
        return Hello(PROTOCOL_VERSION, SCHEMA_HASH, session, now_ms % U32, self._identity)


_VERBS = frozenset(CommandVerb)


def _stamp(telemetry: _Telemetry, now_ms: int) -> None:
    telemetry.seen_ms = now_ms
    telemetry.status_seq = (telemetry.status_seq + 1) % U16
    telemetry.status_due = True
