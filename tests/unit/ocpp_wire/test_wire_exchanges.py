"""What the frame log tells when it is read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.wire.exchanges import MAX_PENDING, Exchange, Pairing, Statistics, read_line
from ocpp_link.wire.frame_log import Direction, Line

AT = "2026-01-01T00:00:{:06.3f}Z"


def line(direction: str, type_: int, id_: str = "1", at_s: float = 0.0, **rest: str) -> Line:
    return Line(AT.format(at_s), Direction(direction), type_, id_, **rest)


def paired(*lines: Line) -> list[Exchange]:
    pairing = Pairing()
    return [x for one in lines for x in pairing.take(one)] + list(pairing.rest())


def test_an_answer_is_paired_with_its_call_by_direction_and_id() -> None:
    ours, theirs = line("sent", 2, action="Heartbeat"), line("received", 2, action="Reset")
    answer = line("received", 3, at_s=0.035)
    mine = line("sent", 4, at_s=0.5, code="InternalError")
    found = paired(ours, theirs, answer, mine)
    assert found == [Exchange(ours, answer, 35), Exchange(theirs, mine, 500)]
    assert [x.is_error for x in found] == [False, True]


def test_a_call_without_an_answer_is_shown_when_nothing_can_come_any_more() -> None:
    call, again = line("sent", 2), line("sent", 2)
    lost = Line(AT.format(1), Direction.LINK, words="no connection: TCP: gone")
    late = line("received", 3, at_s=2)
    found = paired(call, lost, late, again)
    assert [x.line for x in found] == [call, lost, late, again]
    assert [x.is_unanswered for x in found] == [True, False, False, True]
    assert [x.is_error for x in found] == [True, False, True, True]


def test_an_id_that_comes_twice_is_two_calls() -> None:
    first, second = line("sent", 2), line("sent", 2, at_s=1)
    found = paired(first, second, line("received", 3, at_s=2))
    assert [(x.line, x.latency_ms) for x in found] == [(first, None), (second, 1_000)]


def test_a_clock_that_was_set_back_gives_no_latency() -> None:
    (found,) = paired(line("sent", 2, at_s=5), line("received", 3, at_s=1))
    assert (found.latency_ms, found.is_unanswered) == (None, False)


def test_statistics_add_up() -> None:
    statistics = Statistics()
    for exchange in paired(
        Line(AT.format(0), Direction.LINK, words="connected to ws://x, ocpp1.6"),
        *(
            x
            for n in (10, 20, 90)
            for x in (
                line("sent", 2, str(n), action="Heartbeat"),
                line("received", 3, str(n), n / 1_000),
            )
        ),
        line("sent", 2, "a", action="Authorize"),
        line("received", 4, "a"),
        line("sent", 2, "b", action="Authorize"),
        line("received", 0, ""),
        line("received", 3, "nobody"),
        Line(AT.format(0), Direction.LINK, words="no connection: TCP: gone"),
    ):
        statistics.add(exchange)
    beat = statistics.actions[Direction.SENT, "Heartbeat"]
    assert (beat.calls, beat.median_ms, beat.longest_ms) == (3, 20, 90)
    authorize = statistics.actions[Direction.SENT, "Authorize"]
    assert (authorize.calls, authorize.errors, authorize.unanswered) == (2, 1, 1)
    assert (statistics.connections, statistics.losses) == (1, 1)
    assert (statistics.unreadable, statistics.unmatched) == (1, 1)


def test_calls_that_nobody_answers_do_not_pile_up() -> None:
    found = paired(*(line("received", 2, str(n)) for n in range(MAX_PENDING + 5)))
    assert len(found) == MAX_PENDING + 5


@given(st.binary(max_size=80) | st.text(max_size=80))
def test_a_torn_line_is_none(text: bytes | str) -> None:
    found = read_line(text)
    assert found is None or found.direction in Direction


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(Direction)), st.integers(0, 6), st.sampled_from("abc"), st.text()
        )
    )
)
def test_every_line_is_shown_once(lines: list[tuple[Direction, int, str, str]]) -> None:
    given_ = [Line(time, direction, type_, id_) for direction, type_, id_, time in lines]
    found = paired(*given_)
    seen = [x.line for x in found] + [x.answer for x in found if x.answer]
    assert sorted(map(str, seen)) == sorted(map(str, given_))
    statistics = Statistics()
    for exchange in found:
        statistics.add(exchange)
