"""The lane plot: complete without network and scripts, honest about values, labels apart."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.plot.lanes import hue
from hil.plot.plot import lane_plot
from hil.plot.scale import Label, TimeScale, round_top, stagger
from hil.trace import Lane, Trace


def session() -> Trace:
    trace = Trace()
    for t_ms, lane, value in (
        (0, Lane.STATE, "idle"),
        (0, Lane.PILOT, 12_000),
        (0, Lane.DUTY, 10_000),
        (0, Lane.CONTACTOR, "open"),
        (0, Lane.LOCK, "unlocked"),
        (0, Lane.CURRENT, 0),
        (1000, Lane.PILOT, 8979),
        (1200, Lane.LOCK, "moving"),
        (1500, Lane.LOCK, "locked"),
        (2000, Lane.DUTY, 2666),
        (2000, Lane.STATE, "charging"),
        (2000, Lane.MESSAGE, "StartTransaction"),
        (3000, Lane.PILOT, 5995),
        (3030, Lane.CONTACTOR, "closed"),
        (4000, Lane.CURRENT, 15_996),
        (20_000, Lane.FAULT, "+diode_short"),
    ):
        trace.record(t_ms, 1, lane, value)
    return trace


def drawing(page: str) -> ElementTree.Element:
    found = re.search(r"<svg.*?</svg>", page, re.DOTALL)
    assert found is not None
    return ElementTree.fromstring(found.group())


def texts(page: str) -> list[str]:
    return [element.text or "" for element in drawing(page).iter("text")]


def test_the_page_needs_no_network() -> None:
    page = lane_plot(session(), title="One session")
    assert "http" not in page
    assert not re.search(r"(src|href|url\()", page)
    assert "@import" not in page


def test_the_page_is_complete_without_scripts() -> None:
    page = re.sub(r"<script>.*</script>", "", lane_plot(session(), title="t"), flags=re.DOTALL)
    shown = texts(page)
    names = ["session", "messages", "faults", "pilot", "duty", "contactor", "lock", "current"]
    assert [text for text in shown if text in names] == names
    for wanted in ("charging", "StartTransaction", "+diode_short", "closed", "16.0 A", "locked"):
        assert wanted in shown
    assert "26.7 % = 16.0 A" in shown


def test_the_page_knows_dark_and_light() -> None:
    assert "prefers-color-scheme: dark" in lane_plot(session(), title="t")


def test_the_same_trace_gives_the_same_bytes() -> None:
    assert lane_plot(session(), title="t") == lane_plot(session(), title="t")


def test_what_comes_from_outside_is_escaped() -> None:
    trace = session()
    trace.record(21_000, 1, Lane.MESSAGE, "<script>alert(1)</script>")
    trace.record(21_000, 1, Lane.STATE, '"><b>')
    page = lane_plot(trace, title="<i>", subtitle="a&b", bill=[("<u>", "1 & 2")])
    for evil in ("<script>alert", "<i>", "<b>", "<u>", "a&b", "1 & 2"):
        assert evil not in page
    drawing(page)


def test_the_bill_is_a_table() -> None:
    page = lane_plot(session(), title="t", bill=[("Energy", "1.234 kWh"), ("Total", "0.56 EUR")])
    assert "<td>Energy</td><td>1.234 kWh</td>" in page
    assert "Bill" not in lane_plot(session(), title="t")


def test_each_evse_gets_its_own_section_on_one_time_axis() -> None:
    trace = session()
    trace.record(0, 2, Lane.CONTACTOR, "open")
    page = lane_plot(trace, title="t")
    assert page.count("<svg") == 2
    assert "<h2>EVSE 1</h2>" in page
    assert "<h2>EVSE 2</h2>" in page


def test_an_empty_trace_says_so() -> None:
    assert "Nothing was recorded." in lane_plot(Trace(), title="t")


def test_a_trace_of_one_instant_is_drawn() -> None:
    trace = Trace()
    trace.record(5, 1, Lane.CURRENT, 0)
    drawing(lane_plot(trace, title="t"))


def test_time_counts_from_the_first_record() -> None:
    trace = Trace()
    trace.record(86_400_000, 1, Lane.STATE, "idle")
    trace.record(86_410_000, 1, Lane.STATE, "charging")
    assert "0" in texts(lane_plot(trace, title="t"))
    assert "10" in texts(lane_plot(trace, title="t"))


def test_a_cut_keeps_the_level_that_was_set_before_it() -> None:
    page = lane_plot(session(), title="t", from_ms=10_000, to_ms=12_000)
    shown = texts(page)
    assert "closed" in shown
    assert "charging" in shown
    assert "StartTransaction" not in shown


def test_state_f_gets_a_pilot_axis_below_zero() -> None:
    trace = session()
    assert "-12" not in texts(lane_plot(trace, title="t"))
    trace.record(22_000, 1, Lane.PILOT, -12_000)
    assert "-12" in texts(lane_plot(trace, title="t"))


LABELS = st.lists(
    st.builds(
        lambda x, width, hangs: (
            Label(x, x - 4 - width, x - 4) if hangs else Label(x, x + 4, x + 4 + width)
        ),
        st.integers(0, 1000).map(float),
        st.integers(1, 200).map(float),
        st.booleans(),
    ),
    max_size=40,
)


@given(LABELS)
def test_labels_never_overlap(labels: list[Label]) -> None:
    rows = stagger(labels, 8)
    for one, other in combinations(range(len(labels)), 2):
        if rows[one] == rows[other]:
            a, b = labels[one], labels[other]
            assert a.right + 8 <= b.left or b.right + 8 <= a.left


@given(LABELS)
def test_no_leader_crosses_a_label_while_there_is_room(labels: list[Label]) -> None:
    straight = [label for label in labels if label.left >= label.x]
    rows = stagger(straight, 8)
    if max(rows, default=0) + 1 < 9:
        for one, other in combinations(range(len(straight)), 2):
            for k, j in ((one, other), (other, one)):
                crossed = straight[j].left <= straight[k].x <= straight[j].right
                assert not crossed or rows[k] < rows[j]


def test_a_crowd_of_labels_stays_low() -> None:
    crowd = [Label(x, x + 4, x + 74) for x in map(float, range(0, 1000, 20))]
    assert max(stagger(crowd, 8)) < 12


def test_in_a_long_run_the_frequent_messages_go_unnamed() -> None:
    trace = session()
    for k in range(500):
        trace.record(30_000 + k * 1000, 1, Lane.MESSAGE, "MeterValues")
    trace.record(600_000, 1, Lane.MESSAGE, "StopTransaction")
    shown = texts(lane_plot(trace, title="t"))
    assert "MeterValues" not in shown
    assert {"StartTransaction", "StopTransaction"} <= set(shown)
    assert sum(1 for _ in drawing(lane_plot(trace, title="t")).iter("circle")) == 503


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_time_ticks_are_few_and_on_the_axis(start_ms: int, span_ms: int) -> None:
    scale = TimeScale(start_ms, start_ms + span_ms, 100, 1100, start_ms)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 13
    assert all(99.9 <= x <= 1100.1 for x, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


@given(st.floats(0.001, 1e6))
def test_value_axes_have_two_to_five_steps_above_the_largest(largest: float) -> None:
    top, step = round_top(largest)
    assert top >= largest * 0.999
    assert 1 <= round(top / step) <= 5


@pytest.mark.parametrize(
    ("state", "colour"),
    [
        ("charging", "green"),
        ("Charging", "green"),
        ("paused_ev", "violet"),
        ("ChargingPausedEVSE", "violet"),
        ("StoppingCharging", "orange"),
        ("waiting_auth", "amber"),
        ("PrepareCharging", "blue"),
        ("Faulted", "red"),
        ("finished", "teal"),
    ],
)
def test_states_have_the_colour_that_their_name_says(state: str, colour: str) -> None:
    assert hue(state) == colour


def test_markers_at_the_right_edge_keep_their_label_inside() -> None:
    trace = session()
    trace.record(30_000, 1, Lane.MESSAGE, "A message with a rather long name indeed")
    for element in drawing(lane_plot(trace, title="t")).iter("text"):
        if (element.text or "").startswith("A message"):
            assert float(element.attrib["x"]) + 40 * 6.1 <= 1180
            break
    else:
        pytest.fail("label not drawn")
