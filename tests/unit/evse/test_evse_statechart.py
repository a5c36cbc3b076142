"""SafeChart: each pitfall of the library provoked, and found closed."""

from __future__ import annotations

from typing import Any

import pytest
from statemachine import State
from statemachine.exceptions import InvalidDefinition

from evse.session.chart import SessionChart
from evse.session.statechart import SafeChart, TransitionNotAllowed


class Door(SafeChart):
    """Two states, an event between them, and one that stays."""

    shut = State(initial=True)
    ajar = State()
    open_it = shut.to(ajar)
    close_it = ajar.to(shut)
    knock = ajar.to(ajar)
    nudge = ajar.to.itself(internal=True)

    raises_in = ""

    def _reach(self, place: str) -> None:
        self.outbox.append(place)
        if place == self.raises_in:
            raise OSError(place)

    def on_exit_shut(self) -> None:
        self._reach("exit")

    def before_open_it(self) -> None:
        self._reach("before")

    def on_open_it(self) -> None:
        self._reach("on")

    def on_enter_ajar(self) -> None:
        self._reach("enter")

    def on_exit_ajar(self) -> None:
        self._reach("leave")


def door(raises_in: str = "") -> Door:
    chart = Door()
    chart.raises_in = raises_in
    return chart


def test_a_dispatch_hands_out_what_the_callbacks_appended_in_order() -> None:
    chart = door()
    assert chart.dispatch("open_it") == ["before", "exit", "on", "enter"]
    assert chart.outbox == []


@pytest.mark.parametrize("place", ["before", "exit", "on", "enter"])
def test_an_exception_reaches_the_caller_and_nothing_happened(place: str) -> None:
    chart = door(place)
    with pytest.raises(OSError, match=place):
        chart.dispatch("open_it")
    assert chart.state == "shut"
    assert chart.outbox == []
    chart.raises_in = ""
    assert chart.dispatch("open_it"), "and the chart goes on working"
    assert chart.state == "ajar"


@pytest.mark.parametrize("event", ["close_it", "no_such_event", ""])
def test_an_event_that_the_state_does_not_take_raises(event: str) -> None:
    chart = door()
    with pytest.raises(TransitionNotAllowed):
        chart.dispatch(event)
    assert chart.state == "shut"
    assert not chart.accepts(event)


@pytest.mark.parametrize(
    ("event", "done"), [("knock", ["leave", "enter"]), ("nudge", ["enter"])], ids=lambda v: str(v)
)
def test_a_self_transition_enters_again(event: str, done: list[str]) -> None:
    """An internal one does not leave; without the flag it would not enter either."""
    chart = door()
    chart.dispatch("open_it")
    assert chart.dispatch(event) == done
    assert chart.state == "ajar"


def test_a_guard_that_raises_is_not_taken_for_no() -> None:
    class Guarded(SafeChart):
        shut = State(initial=True)
        ajar = State()
        go = shut.to(ajar, cond="permitted") | ajar.to(shut)

        def permitted(self) -> bool:
            raise OSError("the lock does not answer")

    chart = Guarded()
    with pytest.raises(OSError, match="does not answer"):
        chart.dispatch("go")
    assert chart.state == "shut"


def test_a_misnamed_callback_is_refused() -> None:
    class Misnamed(SafeChart):
        shut = State(initial=True)
        ajar = State()
        go = shut.to(ajar) | ajar.to(shut)

        def on_enter_ajarr(self) -> None: ...

    with pytest.raises(TypeError, match=r"on_enter_ajarr fits no state or event: ajar, go, shut"):
        Misnamed()


def test_an_after_callback_is_refused() -> None:
    """The library has moved by then: raising there would leave half of a transition behind."""

    class Late(SafeChart):
        shut = State(initial=True)
        ajar = State()
        go = shut.to(ajar) | ajar.to(shut)

        def after_go(self) -> None: ...

    with pytest.raises(TypeError, match="can not be undone"):
        Late()


def test_a_coroutine_callback_is_refused_by_its_name() -> None:
    class Waiting(SafeChart):
        shut = State(initial=True)
        ajar = State()
        go = shut.to(ajar) | ajar.to(shut)

        async def on_enter_ajar(self) -> None: ...

    with pytest.raises(TypeError, match="synchronous"):
        Waiting()


def test_a_coroutine_callback_is_refused_as_a_parameter() -> None:
    async def wait() -> None: ...

    class Waiting(SafeChart):
        shut = State(initial=True)
        ajar = State(enter=wait)
        go = shut.to(ajar) | ajar.to(shut)

    with pytest.raises(TypeError, match="synchronous"):
        Waiting()


def test_a_state_that_nothing_leads_to_is_refused() -> None:
    with pytest.raises(InvalidDefinition, match="unreachable"):

        class Island(SafeChart):
            shut = State(initial=True)
            ajar = State()
            lost = State()
            go = shut.to(ajar) | ajar.to(shut)
            found = lost.to(shut)


def test_two_charts_share_nothing() -> None:
    one, other = door(), door()
    one.dispatch("open_it")
    assert (one.state, other.state) == ("ajar", "shut")
    assert one.outbox is not other.outbox


def test_the_session_chart_is_flat_and_its_ids_are_unique() -> None:
    ids = [state.id for state in SessionChart.states_map.values()]
    assert len(ids) == len(set(ids))
    assert all(state.parent is None for state in SessionChart.states_map.values())


def test_every_state_of_the_session_is_reached_from_booting() -> None:
    onward: dict[str, set[str]] = {}
    for state in SessionChart.states_map.values():
        onward[state.id] = {t.target.id for t in state.transitions}
    reached, todo = set[str](), ["booting"]
    while todo:
        state_id = todo.pop()
        if state_id not in reached:
            reached.add(state_id)
            todo += onward[state_id]
    assert reached == set(onward)


def test_a_new_session_chart_boots_and_has_said_nothing() -> None:
    chart: Any = SessionChart()
    assert chart.state == "booting"
    assert chart.outbox == []
