"""OCPP-J 1.6 §4: one CALL at a time each way, everything answered once, nothing raises."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.rpc.rpc import MAX_INCOMING, MAX_WAITING, IncomingCall, Rpc
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.v16.dialect import Dialect16

SCHEMAS = Schemas("v16")
MANNERS = Dialect16.manners
NOW = "2026-01-01T00:00:00Z"


class End:
    """An Rpc with everything it did written down."""

    def __init__(self, *, answer: bool = True, **options: Any) -> None:
        self.calls: list[IncomingCall] = []
        self.outcomes: list[Outcome] = []
        self._answer = answer
        self._ids = 0
        self.rpc = Rpc(on_call=self._on_call, new_id=self._new_id, **options)
        self.rpc.open(SCHEMAS, MANNERS)

    def _new_id(self) -> str:
        self._ids += 1
        return f"id-{self._ids}"

    def _on_call(self, call: IncomingCall) -> None:
        self.calls.append(call)
        if self._answer:
            call.respond({})

    def heartbeat(self, now_ms: int = 0) -> None:
        self.rpc.call("Heartbeat", {}, self.outcomes.append, now_ms)

    def receive(self, frame: object, now_ms: int = 0) -> list[Any]:
        """What goes out after this frame (a JSON value, or text as it is)."""
        text = frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()
        self.rpc.receive(text, now_ms)
        return self.frames()

    def frames(self) -> list[Any]:
        return [msgspec.json.decode(text) for text in self.rpc.take_frames()]


@pytest.fixture
def end() -> End:
    return End()


def test_a_call_is_sent_and_its_result_delivered(end: End) -> None:
    end.heartbeat()
    assert end.frames() == [[2, "id-1", "Heartbeat", {}]]
    end.receive([3, "id-1", {"currentTime": NOW}])
    assert end.outcomes == [Outcome(OutcomeKind.RESULT, {"currentTime": NOW})]


def test_4_1_1_only_one_call_is_outstanding(end: End) -> None:
    end.heartbeat()
    end.heartbeat()
    assert [frame[1] for frame in end.frames()] == ["id-1"]
    assert [frame[1] for frame in end.receive([3, "id-1", {"currentTime": NOW}])] == ["id-2"]


def test_incoming_calls_are_answered_while_ours_is_outstanding(end: End) -> None:
    end.heartbeat()
    end.frames()
    assert end.receive([2, "x", "ClearCache", {}]) == [[3, "x", {}]]
    assert end.outcomes == []


def test_a_handler_may_make_a_call_before_it_answers() -> None:
    end = End(answer=False)
    end.receive([2, "x", "ClearCache", {}])
    end.heartbeat()
    end.calls[0].respond({"status": "Accepted"})
    assert [frame[0] for frame in end.frames()] == [2, 3]


def test_a_timeout_ends_the_call_and_a_late_reply_is_ignored(end: End) -> None:
    end.heartbeat()
    end.heartbeat()
    end.frames()
    assert end.rpc.next_deadline_ms == 30_000
    end.rpc.poll(30_000)
    assert [outcome.kind for outcome in end.outcomes] == [OutcomeKind.TIMEOUT]
    assert [frame[1] for frame in end.frames()] == ["id-2"]
    end.receive([3, "id-1", {"currentTime": NOW}], 30_001)
    assert len(end.outcomes) == 1
    assert end.rpc.stats.unmatched_replies == 1


def test_a_close_fails_what_is_pending_and_what_waits(end: End) -> None:
    end.heartbeat()
    end.heartbeat()
    end.rpc.close()
    assert [outcome.kind for outcome in end.outcomes] == [OutcomeKind.LINK_LOST] * 2
    assert end.frames() == []
    end.heartbeat()
    assert end.outcomes[-1].kind is OutcomeKind.LINK_LOST


def test_an_answer_after_a_close_goes_nowhere() -> None:
    end = End(answer=False)
    end.receive([2, "x", "ClearCache", {}])
    end.rpc.close()
    end.rpc.open(SCHEMAS, MANNERS)
    end.calls[0].respond({"status": "Accepted"})
    assert end.frames() == []


def test_a_call_is_answered_once() -> None:
    end = End(answer=False)
    end.receive([2, "x", "ClearCache", {}])
    end.calls[0].respond({"status": "Accepted"})
    end.calls[0].refuse(Code.INTERNAL)
    assert len(end.frames()) == 1


def test_a_handler_that_misses_its_time_is_answered_for() -> None:
    end = End(answer=False)
    end.receive([2, "x", "ClearCache", {}], 1_000)
    assert end.rpc.next_deadline_ms == 26_000
    end.rpc.poll(26_000)
    assert end.frames() == [[4, "x", "InternalError", "no answer in time", {}]]
    assert end.rpc.stats.unanswered == 1


def test_a_repeated_id_of_a_call_in_work_is_ignored() -> None:
    end = End(answer=False)
    end.receive([2, "x", "ClearCache", {}])
    assert end.receive([2, "x", "ClearCache", {}]) == []
    assert end.rpc.stats.duplicate_calls == 1
    assert len(end.calls) == 1


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (["Nonsense", {}], "NotImplemented"),
        (["AuthorizeResponse", {}], "NotImplemented"),
        (["../v16/Reset", {}], "NotImplemented"),
        (["Reset"], "ProtocolError"),
        ([], "FormationViolation"),
        ([["Reset"], {}], "FormationViolation"),
        ([{}, {}], "FormationViolation"),
        (["Reset", []], "FormationViolation"),
        (["Reset", None], "FormationViolation"),
        (["Reset", {"type": "Soft"}, "more"], "FormationViolation"),
        (["Reset", {}], "OccurenceConstraintViolation"),
        (["Reset", {"type": 1}], "TypeConstraintViolation"),
        (["Reset", {"type": "Medium"}], "PropertyConstraintViolation"),
        (["GetConfiguration", {"key": ["k" * 51]}], "PropertyConstraintViolation"),
    ],
)
def test_4_2_3_a_bad_call_gets_the_right_error_code(end: End, rest: list[Any], code: str) -> None:
    (frame,) = end.receive([2, "x", *rest])
    assert frame[:3] == [4, "x", code]
    assert end.calls == []
    assert end.rpc.stats.invalid_calls == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{}",
        "[]",
        "[2]",
        '[2,7,"Reset",{}]',
        '[2,"","Reset",{}]',
        '[true,"x","Reset",{}]',
        '[5,"x",{}]',
        '[2,"x","Reset",{"type":NaN}]',
        "[" * 5_000,
        "[3]",
        "\ud800",
        '[2,"\\ud800","Reset",{}]',
    ],
)
def test_a_frame_without_a_readable_id_is_counted_and_not_answered(end: End, text: str) -> None:
    assert end.receive(text) == []
    assert end.rpc.stats.malformed == 1


def test_too_large_frames_are_counted_and_dropped(end: End) -> None:
    assert end.receive([2, "x", "DataTransfer", {"vendorId": "v", "data": "x" * 70_000}]) == []
    assert end.rpc.stats.oversized == 1


def test_what_is_too_large_to_send_is_never_sent(end: End) -> None:
    end.rpc.call("DataTransfer", {"data": "x" * 70_000}, end.outcomes.append, 0)
    assert end.frames() == []
    assert end.outcomes[0].kind is OutcomeKind.UNSENDABLE


def test_callerror_and_broken_results_are_failures_to_process(end: End) -> None:
    end.heartbeat()
    end.heartbeat()
    end.receive([4, "id-1", "InternalError", "x", {}])
    end.receive([3, "id-2", {"currentTime": 5}])
    assert [outcome.kind for outcome in end.outcomes] == [OutcomeKind.ERROR] * 2
    assert [outcome.code for outcome in end.outcomes] == [
        "InternalError",
        "TypeConstraintViolation",
    ]


def test_a_callerror_is_never_sent_for_a_reply(end: End) -> None:
    end.heartbeat()
    end.frames()
    assert end.receive([3, "id-1", {"currentTime": 5}]) == []
    assert end.receive([3, "id-9", []]) == []
    assert end.receive([4, "id-9"]) == []


def test_replies_to_an_older_call_are_not_matched_to_the_present_one(end: End) -> None:
    end.heartbeat()
    end.rpc.poll(30_000)
    end.heartbeat(30_000)
    end.receive([3, "id-1", {"currentTime": NOW}], 30_001)
    assert [outcome.kind for outcome in end.outcomes] == [OutcomeKind.TIMEOUT]


def test_floods_are_bounded_in_both_directions() -> None:
    end = End(answer=False)
    for number in range(MAX_INCOMING + 5):
        end.receive([2, f"x{number}", "ClearCache", {}])
    assert len(end.calls) == MAX_INCOMING
    for _ in range(MAX_WAITING + 10):
        end.heartbeat()
    assert [outcome.kind for outcome in end.outcomes] == [OutcomeKind.UNSENDABLE] * 9


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)
ACTIONS = st.sampled_from(["Reset", "SetChargingProfile", "ChangeConfiguration", "Foo"])
FRAMES = st.one_of(
    JSON,
    st.tuples(st.sampled_from([2, 3, 4, 5]), st.sampled_from(["id-1", "x"]), ACTIONS, JSON),
    st.tuples(st.just(3), st.just("id-1"), JSON),
)


@given(
    st.lists(
        st.one_of(FRAMES.map(lambda frame: msgspec.json.encode(frame).decode()), st.text()),
        max_size=20,
    )
)
@settings(max_examples=300, deadline=None)
def test_nothing_that_a_peer_sends_raises_and_every_frame_is_accounted_for(
    texts: list[str],
) -> None:
    end = End()
    end.heartbeat()
    for text in texts:
        end.rpc.receive(text, 0)
    answered = [frame for frame in end.frames() if frame[0] != 2]
    stats = end.rpc.stats
    assert stats.received == len(texts)
    assert len(answered) == stats.invalid_calls + len(end.calls)
    assert len(end.outcomes) <= 1
    settled = stats.errors_received + stats.invalid_results
    results = sum(outcome.kind is OutcomeKind.RESULT for outcome in end.outcomes)
    assert settled + results == len(end.outcomes)
    assert len(texts) == (
        stats.malformed
        + stats.oversized
        + stats.duplicate_calls
        + stats.unmatched_replies
        + len(answered)
        + len(end.outcomes)
    )


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_every_outcome_is_delivered_exactly_once(data: st.DataObject) -> None:
    end = End()
    made, now_ms = 0, 0
    for step in data.draw(st.lists(st.sampled_from(["call", "ok", "err", "wait", "close"]))):
        match step:
            case "call":
                end.rpc.call("Heartbeat", {}, end.outcomes.append, now_ms)
                made += 1
            case "ok":
                end.receive([3, f"id-{len(end.outcomes) + 1}", {"currentTime": NOW}], now_ms)
            case "err":
                end.receive([4, f"id-{len(end.outcomes) + 1}", "InternalError", "", {}], now_ms)
            case "wait":
                now_ms += 30_000
                end.rpc.poll(now_ms)
            case "close":
                end.rpc.close()
                end.rpc.open(SCHEMAS, MANNERS)
    end.rpc.close()
    assert len(end.outcomes) == made
