"""Trace: changes only, one text for one run, and a file that comes back equal."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import TimeRunsBack, TraceError
from hil.trace import EVENT_LANES, Entry, Lane, Trace

RECORDS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 2), st.sampled_from(list(Lane)), st.integers(0, 2))
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


def test_a_level_lane_keeps_changes_only() -> None:
    trace = Trace()
    for t_ms, value in ((0, 1), (5, 1), (7, 2), (9, 2)):
        trace.record(t_ms, 1, Lane.DUTY, value)
    assert trace.changes(Lane.DUTY) == [Entry(0, 1, Lane.DUTY, 1), Entry(7, 1, Lane.DUTY, 2)]


def test_a_level_lane_shows_what_an_instant_settled_to() -> None:
    trace = Trace()
    for t_ms, value in ((0, "open"), (5, "closed"), (5, "open"), (6, "closed")):
        trace.record(t_ms, 1, Lane.CONTACTOR, value)
    assert [entry.t_ms for entry in trace.changes(Lane.CONTACTOR)] == [0, 6]


def test_an_event_lane_keeps_every_record() -> None:
    trace = Trace()
    trace.record(3, 1, Lane.MESSAGE, "Heartbeat")
    trace.record(3, 1, Lane.MESSAGE, "Heartbeat")
    assert len(trace.changes(Lane.MESSAGE)) == 2


def test_a_lane_refuses_time_that_runs_back() -> None:
    trace = Trace()
    trace.record(3, 1, Lane.DUTY, 1)
    with pytest.raises(TimeRunsBack, match="lane duty of EVSE 1: 2 ms after 3 ms"):
        trace.record(2, 1, Lane.DUTY, 2)


def test_at_gives_the_value_that_holds() -> None:
    trace = Trace()
    trace.record(10, 1, Lane.STATE, "Idle")
    trace.record(20, 1, Lane.STATE, "Charging")
    found = [trace.at(Lane.STATE, t_ms) for t_ms in (9, 10, 19, 20, 99)]
    assert found == [None, "Idle", "Idle", "Charging", "Charging"]
    assert trace.at(Lane.STATE, 20, evse=2) is None


def test_first_finds_records_from_a_time_on() -> None:
    trace = Trace()
    for t_ms, value in ((0, "open"), (5, "closed"), (9, "open"), (12, "closed")):
        trace.record(t_ms, 1, Lane.CONTACTOR, value)
    assert trace.first(Lane.CONTACTOR, "closed") == 5
    assert trace.first(Lane.CONTACTOR, "closed", from_ms=6) == 12
    assert trace.first(Lane.CONTACTOR, "closed", from_ms=13) is None


def test_between_is_half_open_and_filters() -> None:
    trace = Trace()
    trace.record(1, 1, Lane.DUTY, 1)
    trace.record(2, 2, Lane.DUTY, 2)
    trace.record(2, 1, Lane.CURRENT, 3)
    trace.record(3, 1, Lane.DUTY, 4)
    assert [entry.value for entry in trace.between(1, 3)] == [1, 3, 2]
    assert [entry.value for entry in trace.between(0, 9, lane=Lane.DUTY, evse=1)] == [1, 4]
    assert trace.evses == [1, 2]
    assert trace.end_ms == 3


@given(RECORDS)
def test_text_depends_on_the_records_alone(rows: list[tuple[int, int, Lane, int]]) -> None:
    straight, by_lane = Trace(), Trace()
    for row in rows:
        straight.record(*row)
    for row in sorted(rows, key=lambda row: (row[2], row[1])):
        by_lane.record(*row)
    assert straight.lines() == by_lane.lines()


@given(RECORDS)
def test_a_stored_trace_comes_back_equal(rows: list[tuple[int, int, Lane, int]]) -> None:
    trace = Trace()
    for row in rows:
        trace.record(*row)
    assert Trace.from_json(trace.to_json()).lines() == trace.lines()


@given(RECORDS)
def test_neighbours_in_a_level_lane_differ(rows: list[tuple[int, int, Lane, int]]) -> None:
    trace = Trace()
    for row in rows:
        trace.record(*row)
    for lane in set(Lane) - EVENT_LANES:
        values = [entry.value for entry in trace.changes(lane)]
        assert all(one != other for one, other in pairwise(values))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "not a trace"),
        (b'{"version":1}', "entries"),
        (b'{"version":2,"entries":[]}', "trace version 2"),
        (b'{"version":1,"entries":[[1,1,"sideways",1]]}', "sideways"),
        (b'{"version":1,"entries":[[2,1,"duty",1],[1,1,"duty",2]]}', "1 ms after 2 ms"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        Trace.from_json(data)


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_read_but_never_worse(data: bytes) -> None:
    with contextlib.suppress(TraceError):
        Trace.from_json(data).lines()
