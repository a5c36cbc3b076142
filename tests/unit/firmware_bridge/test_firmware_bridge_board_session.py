"""The board's end: which permits it believes, commands done once, telemetry never queued."""

from __future__ import annotations

import pytest
from bridge_wire import identity
from hypothesis import given
from hypothesis import strategies as st

from evse.model import (
    BoardAnalog,
    BoardStatus,
    CommandStatus,
    CommandVerb,
    Permit,
    PilotState,
)
from firmware_bridge.board_session import BoardSession
from firmware_bridge.codec import PROTOCOL_VERSION, SCHEMA_HASH, pack, unpack
from firmware_bridge.errors import MessageError
from firmware_bridge.events import BoardEvent, CommandReceived, HostHello, PermitReceived
from firmware_bridge.frames import Decoder, encode
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

SESSION = 77
QUIET = BoardStatus()


def request(session: int = SESSION, **changes: int) -> HelloRequest:
    return HelloRequest(
        changes.get("proto", PROTOCOL_VERSION), changes.get("schema", SCHEMA_HASH), session
    )


def tell(board: BoardSession, *messages: Message, now_ms: int) -> list[BoardEvent]:
    return board.receive(b"".join(encode(pack(each)) for each in messages), now_ms)


def sent(board: BoardSession) -> list[Message]:
    return [unpack(payload) for payload in Decoder().feed(board.data_to_send())]


def opened(*, evses: int = 1, now_ms: int = 0) -> BoardSession:
    board = BoardSession(identity(evses=evses))
    assert tell(board, request(), now_ms=now_ms) == [HostHello(SESSION)]
    board.data_to_send()
    return board


def permit(seq: int, *, evse: int = 1, session: int = SESSION, heard_ms: int = 0) -> PermitMessage:
    return PermitMessage(evse, session, heard_ms, 0, Permit(seq, True, 2666))


def test_hello_is_answered_with_identity_session_and_clock() -> None:
    board = BoardSession(identity())
    assert tell(board, request(), now_ms=2**32 + 5) == [HostHello(SESSION)]
    assert sent(board) == [Hello(PROTOCOL_VERSION, SCHEMA_HASH, SESSION, 5, identity())]


def test_a_repeated_hello_is_answered_and_changes_nothing() -> None:
    board = opened()
    assert tell(board, permit(5), now_ms=1) == [PermitReceived(1, Permit(5, True, 2666))]
    assert tell(board, request(), now_ms=2) == []
    assert [type(message) for message in sent(board)] == [Hello]
    assert tell(board, permit(5), now_ms=3) == [], "numbers go on"


@pytest.mark.parametrize("changes", [{"proto": 9}, {"schema": 1}])
def test_a_host_with_another_language_is_answered_and_gets_no_session(
    changes: dict[str, int],
) -> None:
    board = opened()
    assert tell(board, request(88, **changes), now_ms=1) == []
    [hello] = sent(board)
    assert isinstance(hello, Hello)
    assert hello.session == 88
    assert board.session == 0
    assert tell(board, permit(1), permit(1, session=88), permit(1, session=0), now_ms=2) == []


def test_a_permit_before_any_hello_is_refused() -> None:
    board = BoardSession(identity())
    assert tell(board, permit(1, session=0), permit(2), now_ms=0) == []
    assert board.stats.permits_refused == 2


def test_a_permit_of_an_older_session_is_refused_by_a_rebooted_board() -> None:
    before = opened()
    assert tell(before, permit(1), now_ms=1)
    rebooted = BoardSession(identity(boot_id=2))
    assert tell(rebooted, permit(2), now_ms=2) == []
    tell(rebooted, request(SESSION + 1), now_ms=3)
    assert tell(rebooted, permit(3), now_ms=4) == []
    assert tell(rebooted, permit(1, session=SESSION + 1), now_ms=5)


def test_a_repeated_or_overtaken_permit_feeds_no_lease() -> None:
    board = opened()
    assert len(tell(board, permit(1), permit(3), now_ms=1)) == 2
    assert tell(board, permit(3), permit(2), permit(1), now_ms=2) == []
    assert tell(board, permit(4), now_ms=3)
    assert board.stats.permits_refused == 3


def test_permit_numbers_wrap() -> None:
    board = opened()
    for seq in (2**32 - 2, 2**32 - 1, 0, 1):
        assert tell(board, permit(seq), now_ms=1)


def test_permits_of_evses_are_numbered_apart_and_unknown_evses_refused() -> None:
    board = opened(evses=2)
    assert len(tell(board, permit(9, evse=1), permit(1, evse=2), now_ms=1)) == 2
    assert tell(board, permit(1, evse=3), permit(1, evse=0), now_ms=1) == []


def test_permits_that_waited_in_a_buffer_feed_no_lease() -> None:
    board = opened(now_ms=10_000)
    assert tell(board, permit(1, heard_ms=10_000), now_ms=11_000)
    assert tell(board, permit(2, heard_ms=10_000), now_ms=11_001) == []
    assert tell(board, permit(3, heard_ms=12_000), now_ms=11_002) == [], "heard in the future"
    assert board.stats.permits_late == 2


def test_age_of_a_permit_is_counted_across_the_wrap_of_the_clock() -> None:
    board = opened(now_ms=2**32 - 10)
    assert tell(board, permit(1, heard_ms=2**32 - 10), now_ms=2**32 + 100)


def test_round_trip_is_age_less_the_time_at_the_host() -> None:
    board = opened(now_ms=1000)
    tell(board, PermitMessage(1, SESSION, 1000, 30, Permit(1, False, 0)), now_ms=1037)
    assert board.stats.rtt_ms == 7


def test_a_command_comes_out_once_however_often_it_arrives() -> None:
    board = opened()
    command = Command(SESSION, 5, 1, CommandVerb.FORCE_UNLOCK, 3)
    assert tell(board, command, command, now_ms=1) == [
        CommandReceived(5, 1, CommandVerb.FORCE_UNLOCK, 3)
    ]
    assert sent(board) == [], "not answered before it is done"
    assert board.send_result(5, CommandStatus.REFUSED)
    assert sent(board) == [CommandResult(SESSION, 5, CommandStatus.REFUSED)]
    for _ in range(3):
        assert tell(board, command, now_ms=2) == []
        assert sent(board) == [CommandResult(SESSION, 5, CommandStatus.REFUSED)]
    assert board.repeated_commands == 4


def test_a_late_copy_of_an_earlier_command_is_not_done() -> None:
    board = opened()
    for id_ in (5, 6):
        assert tell(board, Command(SESSION, id_, 1, 1, 0), now_ms=1)
        board.send_result(id_, CommandStatus.DONE)
    sent(board)
    assert tell(board, Command(SESSION, 5, 1, 1, 0), now_ms=2) == []
    assert sent(board) == []


def test_command_ids_wrap_and_a_new_session_starts_anew() -> None:
    board = opened()
    for id_ in (65_534, 65_535, 0, 1):
        assert tell(board, Command(SESSION, id_, 1, 1, 0), now_ms=1)
    tell(board, request(SESSION + 1), now_ms=2)
    assert tell(board, Command(SESSION + 1, 1, 1, 1, 0), now_ms=3)


def test_an_answer_whose_session_is_over_goes_nowhere() -> None:
    board = opened()
    tell(board, Command(SESSION, 1, 1, 1, 0), now_ms=1)
    tell(board, request(SESSION + 1), now_ms=2)
    sent(board)
    assert not board.send_result(1, CommandStatus.DONE)
    assert sent(board) == []


def test_a_command_of_another_session_is_not_done() -> None:
    board = opened()
    assert tell(board, Command(SESSION - 1, 1, 1, 1, 0), now_ms=1) == []
    assert tell(BoardSession(identity()), Command(0, 1, 1, 1, 0), now_ms=1) == []


@pytest.mark.parametrize(("evse", "verb"), [(1, 99), (2, 1), (0, 1)])
def test_an_unknown_verb_or_evse_is_answered_unknown(evse: int, verb: int) -> None:
    board = opened()
    assert tell(board, Command(SESSION, 1, evse, verb, 0), now_ms=1) == []
    assert sent(board) == [CommandResult(SESSION, 1, CommandStatus.UNKNOWN)]


def test_status_leaves_on_change_at_once_and_else_at_least_every_200_ms() -> None:
    board = opened()
    leaving = []
    for now_ms in range(0, 1000, 10):
        plugged = now_ms >= 300
        board.send_status(1, BoardStatus(pilot=PilotState.B) if plugged else QUIET, now_ms)
        leaving += [now_ms for message in sent(board) if isinstance(message, StatusMessage)]
    assert leaving == [0, 180, 300, 480, 660, 840]


def test_poll_keeps_the_heartbeat_of_the_latest_status() -> None:
    board = opened()
    board.send_status(1, QUIET, 100)
    sent(board)
    assert board.next_deadline_ms == 280
    board.poll(279)
    assert sent(board) == []
    board.poll(280)
    assert sent(board) == [StatusMessage(1, SESSION, 2, 280, QUIET)]


def test_a_new_session_hears_of_every_evse_after_the_hello() -> None:
    board = BoardSession(identity(evses=2))
    board.send_status(1, QUIET, 0)
    board.send_status(2, QUIET, 0)
    assert [message.session for message in sent(board) if isinstance(message, StatusMessage)] == [
        0,
        0,
    ]
    tell(board, request(), now_ms=5)
    hello, *statuses = sent(board)
    assert isinstance(hello, Hello)
    assert statuses == [StatusMessage(evse, SESSION, 2, 5, QUIET) for evse in (1, 2)]


def test_telemetry_that_cannot_leave_is_overtaken_and_shows_as_a_gap() -> None:
    board = opened()
    for now_ms in range(0, 100_000, 100):
        board.send_status(1, BoardStatus(cable_a=now_ms % 63), now_ms)
        board.send_analog(1, BoardAnalog(hi_mv=now_ms % 1000))
        board.poll(now_ms)
    status, analog, stats = sent(board)
    assert isinstance(status, StatusMessage)
    assert isinstance(analog, AnalogMessage)
    assert isinstance(stats, LinkStats)
    assert (status.seq, analog.seq) == (1000, 1000)
    assert sent(board) == []


def test_link_statistics_leave_every_second_within_a_session() -> None:
    board = BoardSession(identity())
    board.poll(10_000)
    assert sent(board) == []
    tell(board, request(), now_ms=10_000)
    sent(board)
    board.receive(b"\0\x09ab\0" + encode(b"\xeenonsense"), 10_001)
    assert board.next_deadline_ms == 11_000
    board.poll(11_000)
    assert sent(board) == [LinkStats(SESSION, 2, 1, 1, 0, 0, 0, None)]


def test_a_frame_of_a_board_is_malformed_here() -> None:
    board = opened()
    assert tell(board, CommandResult(SESSION, 1, CommandStatus.DONE), now_ms=1) == []
    assert board.stats.malformed == 1


def test_a_new_byte_stream_forgets_half_a_frame_and_keeps_the_session() -> None:
    board = opened()
    board.receive(encode(pack(permit(1)))[:9], 1)
    board.connected()
    assert tell(board, permit(2), now_ms=2)
    assert board.stats.bad_frames == 0


def test_an_identity_that_does_not_fit_is_refused_at_the_start() -> None:
    with pytest.raises(MessageError, match=r"HELLO\.firmware"):
        BoardSession(identity(firmware="x" * 25))


def test_an_evse_that_is_not_there_has_no_status() -> None:
    with pytest.raises(KeyError):
        BoardSession(identity()).send_status(2, QUIET, 0)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3000), st.integers(0, 2))))
def test_permits_that_pass_are_fresh_ours_and_only_newer(
    arrivals: list[tuple[int, int, int]],
) -> None:
    board = opened(now_ms=0)
    last = -1
    for now_ms, (seq, heard_ms, session) in zip(range(0, 10**6, 100), arrivals, strict=False):
        message = permit(seq, session=SESSION + session, heard_ms=heard_ms)
        for event in tell(board, message, now_ms=now_ms):
            assert isinstance(event, PermitReceived)
            assert session == 0
            assert event.permit.seq > last
            assert 0 <= now_ms - heard_ms <= 1000
            last = event.permit.seq
