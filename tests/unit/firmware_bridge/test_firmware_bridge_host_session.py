"""The host's end: hello, permits newest-wins, stop-and-wait commands, liveness, gaps."""

from __future__ import annotations

import pytest
from bridge_wire import Wire, identity, nonces

from evse.model import (
    BoardAnalog,
    BoardStatus,
    CommandStatus,
    CommandVerb,
    LockTarget,
    Permit,
    PilotState,
)
from firmware_bridge.board_session import BoardSession
from firmware_bridge.codec import PROTOCOL_VERSION, SCHEMA_HASH, pack, unpack
from firmware_bridge.events import (
    Analog,
    CommandDone,
    HostEvent,
    LinkDown,
    LinkUp,
    Restarted,
    Status,
)
from firmware_bridge.frames import Decoder, encode
from firmware_bridge.host_session import HostSession
from firmware_bridge.messages import (
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
from firmware_bridge.timing import LinkTiming

SESSION = 1000


def host(*, evses: int = 1, config_crc: int | None = None) -> HostSession:
    return HostSession(evses=evses, next_nonce=nonces(SESSION), expected_config_crc=config_crc)


def hello(
    *,
    proto: int = PROTOCOL_VERSION,
    schema: int = SCHEMA_HASH,
    session: int = SESSION,
    **who: object,
) -> Hello:
    return Hello(proto, schema, session, 5000, identity(**who))


def sent(session: HostSession) -> list[Message]:
    return [unpack(payload) for payload in Decoder().feed(session.data_to_send())]


def tell(session: HostSession, *messages: Message, now_ms: int) -> list[HostEvent]:
    return session.receive(b"".join(encode(pack(each)) for each in messages), now_ms)


def status(seq: int, session: int = SESSION, evse: int = 1, t_ms: int = 6000) -> StatusMessage:
    return StatusMessage(evse, session, seq, t_ms, BoardStatus(pilot=PilotState.B))


def up(*, evses: int = 1) -> HostSession:
    session = host(evses=evses)
    session.connected(0)
    session.data_to_send()
    tell(session, hello(evses=evses), now_ms=4)
    return session


def test_nothing_leaves_and_nothing_is_due_without_a_port() -> None:
    session = host()
    assert session.data_to_send() == b""
    assert session.next_deadline_ms is None
    assert session.poll(10_000) == []


def test_hello_opens_the_link_and_measures_the_round_trip() -> None:
    session = host()
    assert session.connected(0) == []
    assert sent(session) == [HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, SESSION)]
    assert tell(session, hello(), now_ms=4) == [LinkUp(identity())]
    assert session.up
    assert session.why_down is None
    assert session.stats.rtt_ms == 4


def test_hello_is_repeated_every_500_ms_under_the_same_number() -> None:
    session = host()
    session.connected(0)
    sent(session)
    assert session.next_deadline_ms == 500
    session.poll(499)
    assert sent(session) == []
    session.poll(500)
    assert sent(session) == [HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, SESSION)]
    tell(session, hello(), now_ms=503)
    assert session.up
    assert session.stats.rtt_ms is None, "nobody knows which copy was answered"


def test_nobody_there_is_said_once() -> None:
    session = host()
    events = session.connected(0)
    for now_ms in range(0, 10_000, 100):
        events += session.poll(now_ms)
    assert events == [LinkDown("the board does not answer the hello")]
    assert session.why_down == "the board does not answer the hello"


def test_rubbish_instead_of_an_answer_points_at_speed_and_wiring() -> None:
    session = host()
    events = session.connected(0)
    for now_ms in range(0, 3000, 100):
        events += session.receive(b"\xf8\x00\xe0\xfe\x00", now_ms)
        events += session.poll(now_ms)
    assert events == [
        LinkDown("the board does not answer, only rubbish arrives: check speed and wiring")
    ]


def test_a_blocked_port_holds_one_copy_of_a_hello() -> None:
    session = host()
    session.connected(0)
    for now_ms in range(0, 5000, 100):
        session.poll(now_ms)
    assert len(sent(session)) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (hello(proto=0), "speaks link protocol 0, this host 1: update the board's firmware"),
        (hello(proto=9), "speaks link protocol 9, this host 1: update the host's software"),
        (
            hello(schema=0xDEAD),
            f"has message table 0000dead, this host {SCHEMA_HASH:08x}:"
            " give the board the firmware of this release",
        ),
        (
            hello(config_crc=0xBAD, evses=2),
            "runs configuration 00000bad, the station is configured as 00c0ffee:"
            " restart the board with this configuration",
        ),
        (hello(evses=1), "has EVSEs up to number 1, the station's configuration names 2"),
    ],
)
def test_a_mismatch_is_refused_in_one_plain_sentence(answer: Hello, sentence: str) -> None:
    session = host(evses=2, config_crc=0xC0FFEE)
    session.connected(0)
    sent(session)
    events = tell(session, answer, now_ms=1)
    assert events == [LinkDown(f"the board (virtual, firmware 1.0) {sentence}")]
    assert not session.send_permit(1, close=True, duty_bp=2666, now_ms=2)
    assert session.data_to_send() == b""
    session.poll(501)
    assert tell(session, answer, now_ms=502) == [], "said once"
    fixed = hello(evses=2)
    session.poll(1001)
    assert tell(session, fixed, now_ms=1002) == [LinkUp(fixed.identity)]


def test_an_answer_to_another_question_opens_nothing() -> None:
    session = host()
    session.connected(0)
    assert tell(session, hello(session=SESSION - 1), now_ms=1) == []
    assert not session.up
    assert session.stats.unexpected == 1


def test_no_permit_before_the_hello_is_accepted() -> None:
    session = host()
    session.connected(0)
    assert not session.send_permit(1, close=True, duty_bp=2666, now_ms=1)
    assert [type(message) for message in sent(session)] == [HelloRequest]
    assert session.stats.permits_withheld == 1


def test_the_newest_permit_replaces_one_that_has_not_left() -> None:
    session = up(evses=2)
    session.send_permit(1, close=True, duty_bp=2666, now_ms=10)
    session.send_permit(2, close=True, duty_bp=1000, now_ms=10)
    session.send_permit(1, close=False, duty_bp=10_000, lock=LockTarget.LOCK, now_ms=11)
    assert sent(session) == [
        PermitMessage(1, SESSION, 5000, 7, Permit(2, False, 10_000, LockTarget.LOCK)),
        PermitMessage(2, SESSION, 5000, 6, Permit(1, True, 1000)),
    ]
    assert sent(session) == [], "never repeated"
    stats = session.stats
    assert (stats.permits_sent, stats.permits_replaced) == (2, 1)


def test_a_permit_tells_when_the_board_was_last_heard() -> None:
    session = up()
    tell(session, status(1, t_ms=7777), now_ms=100)
    session.send_permit(1, close=True, duty_bp=2666, now_ms=130)
    [permit] = sent(session)
    assert isinstance(permit, PermitMessage)
    assert (permit.heard_ms, permit.held_ms) == (7777, 30)


def test_a_permit_that_waited_while_the_link_fell_never_leaves() -> None:
    session = up()
    session.send_permit(1, close=True, duty_bp=2666, now_ms=10)
    session.poll(700)
    assert [type(message) for message in sent(session)] == [HelloRequest]


def test_permits_are_numbered_from_1_in_each_session() -> None:
    session = up()
    for now_ms in (10, 20):
        session.send_permit(1, close=True, duty_bp=2666, now_ms=now_ms)
    session.connected(30)
    session.data_to_send()
    tell(session, hello(session=SESSION + 1), now_ms=31)
    session.send_permit(1, close=True, duty_bp=2666, now_ms=32)
    [permit] = sent(session)
    assert isinstance(permit, PermitMessage)
    assert permit.permit.seq == 1


def test_a_permit_whose_time_was_read_before_the_last_status_still_leaves() -> None:
    session = up()
    tell(session, status(1), now_ms=100)
    session.send_permit(1, close=True, duty_bp=2666, now_ms=99)
    [permit] = sent(session)
    assert isinstance(permit, PermitMessage)
    assert permit.held_ms == 0


def test_a_hello_that_was_answered_before_its_copy_left_is_not_sent_again() -> None:
    session = host()
    session.connected(0)
    session.data_to_send()
    session.poll(500)
    tell(session, hello(), now_ms=501)
    assert sent(session) == []


@pytest.mark.parametrize(("evse", "duty_bp"), [(0, 100), (2, 100), (1, -1), (1, 10_001)])
def test_a_permit_outside_its_ranges_is_the_callers_error(evse: int, duty_bp: int) -> None:
    session = up()
    with pytest.raises(ValueError, match="not"):
        session.send_permit(evse, close=True, duty_bp=duty_bp, now_ms=5)
    assert session.data_to_send() == b""


def test_commands_wait_for_one_another() -> None:
    session = up()
    first = session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=10)
    second = session.command(1, CommandVerb.FORCE_UNLOCK, 7, now_ms=10)
    assert sent(session) == [Command(SESSION, first, 1, CommandVerb.ACKNOWLEDGE, 0)]
    events = tell(session, CommandResult(SESSION, first, CommandStatus.DONE), now_ms=13)
    assert events == [CommandDone(first, 1, CommandVerb.ACKNOWLEDGE, CommandStatus.DONE)]
    assert session.stats.rtt_ms == 3
    assert sent(session) == [Command(SESSION, second, 1, CommandVerb.FORCE_UNLOCK, 7)]


def test_a_command_is_tried_three_times_100_ms_apart_and_then_lost() -> None:
    session = up()
    id_ = session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=10)
    copies = []
    events: list[HostEvent] = []
    for now_ms in range(10, 420, 10):
        tell(session, status(now_ms), now_ms=now_ms)
        events += session.poll(now_ms)
        copies += [now_ms] * len(sent(session))
        if events:
            break
    assert copies == [10, 110, 210]
    assert now_ms == 310
    assert events == [CommandDone(id_, 1, CommandVerb.ACKNOWLEDGE, None)]
    late = CommandResult(SESSION, id_, CommandStatus.DONE)
    assert tell(session, late, now_ms=311) == [], "exactly one end"


def test_a_repeated_command_measures_no_round_trip() -> None:
    session = up()
    id_ = session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=10)
    session.poll(110)
    events = tell(session, CommandResult(SESSION, id_, CommandStatus.DONE), now_ms=111)
    assert [type(event) for event in events] == [CommandDone]
    assert session.stats.rtt_ms == 4, "still that of the hello"
    assert session.stats.command_retries == 1


def test_commands_with_the_link_down_are_lost_at_once() -> None:
    session = host()
    session.connected(0)
    id_ = session.command(1, CommandVerb.FORCE_UNLOCK, now_ms=9)
    assert session.next_deadline_ms == 9
    assert session.poll(9) == [CommandDone(id_, 1, CommandVerb.FORCE_UNLOCK, None)]
    assert session.poll(9) == []
    assert [type(message) for message in sent(session)] == [HelloRequest]


def test_commands_in_line_are_lost_with_the_link() -> None:
    session = up()
    ids = [session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=5) for _ in range(3)]
    events = session.disconnected("/dev/ttyX is gone", 6)
    done = [CommandDone(id_, 1, CommandVerb.ACKNOWLEDGE, None) for id_ in ids]
    assert events == [*done, LinkDown("/dev/ttyX is gone")]
    assert session.stats.commands_lost == 3


def test_a_line_that_is_too_long_loses_the_newest() -> None:
    session = up()
    ids = [session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=5) for _ in range(18)]
    lost = [event.id for event in session.poll(6) if isinstance(event, CommandDone)]
    assert lost == ids[16:]


def test_command_outside_its_ranges_is_the_callers_error() -> None:
    session = up()
    with pytest.raises(ValueError, match="evse is 1 to 1"):
        session.command(2, CommandVerb.ACKNOWLEDGE, now_ms=1)
    with pytest.raises(ValueError, match="arg is 0"):
        session.command(1, CommandVerb.ACKNOWLEDGE, -1, now_ms=1)


def test_silence_of_any_evse_for_600_ms_takes_the_link_down() -> None:
    session = up(evses=2)
    sent(session)
    tell(session, status(1, evse=1), now_ms=500)
    assert session.next_deadline_ms == 604
    assert session.poll(603) == []
    events = session.poll(604)
    assert events == [LinkDown("the board sent no status of EVSE 2 for 600 ms")]
    assert sent(session) == [HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, SESSION + 1)]


def test_a_board_that_forgot_the_session_is_noticed_at_its_first_status() -> None:
    session = up()
    events = tell(session, status(1, session=0), now_ms=50)
    assert [type(event) for event in events] == [LinkDown]
    assert sent(session) == [HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, SESSION + 1)]
    events = tell(session, hello(session=SESSION + 1, boot_id=2), now_ms=52)
    assert events == [Restarted(1, 2), LinkUp(identity(boot_id=2))]


def test_telemetry_of_a_restarted_board_counts_from_anywhere() -> None:
    session = up()
    tell(session, status(500), AnalogMessage(1, SESSION, 500, BoardAnalog()), now_ms=10)
    tell(session, status(1, session=0), now_ms=50)
    tell(session, hello(session=SESSION + 1, boot_id=2), now_ms=52)
    events = tell(
        session,
        status(1, session=SESSION + 1),
        AnalogMessage(1, SESSION + 1, 1, BoardAnalog()),
        now_ms=53,
    )
    assert [type(event) for event in events] == [Status, Analog]
    assert session.stats.status_lost == session.stats.repeated == 0


def test_a_hello_that_comes_twice_tells_the_link_up_once() -> None:
    session = up()
    assert tell(session, hello(), now_ms=5) == []


def test_what_another_session_left_in_a_buffer_is_not_taken() -> None:
    session = up()
    id_ = session.command(1, CommandVerb.ACKNOWLEDGE, now_ms=5)
    stale = (
        CommandResult(SESSION - 1, id_, CommandStatus.DONE),
        AnalogMessage(1, SESSION - 1, 1, BoardAnalog()),
        LinkStats(SESSION - 1, 1, 2, 3, 4, 5, 6, 7),
    )
    assert tell(session, *stale, now_ms=6) == []
    assert session.stats.board is None
    assert session.stats.unexpected == 3


def test_gaps_and_repeats_of_telemetry_are_counted() -> None:
    session = up()
    for seq in (65_534, 65_535, 2, 2, 1, 3):
        tell(session, status(seq), now_ms=10)
    stats = session.stats
    assert (stats.status_lost, stats.repeated) == (2, 2)
    assert stats.analog_lost == 0


def test_telemetry_of_an_evse_that_the_station_does_not_use_is_ignored() -> None:
    session = up()
    assert tell(session, status(1, evse=2), now_ms=10) == []


def test_a_frame_of_a_host_is_unexpected_and_rubbish_is_malformed() -> None:
    session = up()
    tell(session, Command(SESSION, 1, 1, 1, 0), now_ms=10)
    session.receive(encode(b"\xeenonsense"), 10)
    session.receive(b"\0\x05abcdefgh\0", 10)
    stats = session.stats
    assert (stats.unexpected, stats.malformed, stats.bad_frames) == (1, 1, 1)


def test_a_port_opened_anew_starts_a_new_session() -> None:
    session = up()
    assert session.connected(50) == [LinkDown("the port was opened anew")]
    assert sent(session) == [HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, SESSION + 1)]


def test_a_station_needs_at_least_one_evse() -> None:
    with pytest.raises(ValueError, match="1 to 255 EVSEs, not 0"):
        host(evses=0)


def test_on_a_wire_status_analog_and_statistics_arrive() -> None:
    wire = Wire()
    wire.run_for(50)
    wire.change_status(BoardStatus(pilot=PilotState.C, coil=True))
    wire.send_analog(BoardAnalog(hi_mv=6000, temperature_dc=251))
    wire.run_for(10)
    last = wire.of(Status)[-1]
    assert isinstance(last, Status)
    assert last.status == BoardStatus(pilot=PilotState.C, coil=True)
    assert last.t_ms == 50
    assert wire.of(Analog) == [Analog(1, BoardAnalog(hi_mv=6000, temperature_dc=251))]
    wire.run_for(3000)
    board = wire.host.stats.board
    assert board is not None
    assert board.permits > 25
    assert (board.permits_refused, board.permits_late, board.bad_frames) == (0, 0, 0)
    assert board.rtt_ms == 2 * wire.delay_ms


def test_on_a_wire_a_restarted_board_is_back_within_two_heartbeats() -> None:
    wire = Wire()
    wire.run_for(1000)
    wire.restart_board(boot_id=2)
    wire.host_events.clear()
    wire.run_for(20)
    assert [type(event) for event in wire.host_events[:3]] == [LinkDown, Restarted, LinkUp]


def test_on_a_wire_a_dead_board_is_down_after_600_ms_and_comes_back() -> None:
    wire = Wire(board=BoardSession(identity()))
    wire.run_for(1000)
    wire.board_alive = False
    wire.run_for(602)
    assert not wire.host.up
    wire.restart_board(boot_id=7)
    wire.run_for(1000)
    assert wire.host.up
    assert wire.of(Restarted) == [Restarted(1, 7)]


def test_times_that_one_lost_frame_would_break_are_refused() -> None:
    with pytest.raises(ValueError, match="silence_ms 300 must be more than two heartbeats"):
        LinkTiming(silence_ms=300)
