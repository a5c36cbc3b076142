"""The exploration engine on models whose answer is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hil.explore.explore import Edge, explore

Model = Callable[[int], Iterator[Edge[int]]]


def counter(limit: int, broken_at: int | None = None) -> Model:
    def successors(state: int) -> Iterator[Edge[int]]:
        for action, following in (("up", min(state + 1, limit)), ("reset", 0)):
            yield Edge(action, following, "too high" if following == broken_at else None)

    return successors


def test_every_reachable_state_is_visited_once() -> None:
    visited: list[int] = []
    result = explore(0, counter(9), visit=visited.append)
    assert visited == list(range(10))
    assert (result.states, result.transitions, result.complete) == (10, 20, True)
    assert result.violations == ()


def test_the_shortest_way_to_a_violation_is_told() -> None:
    result = explore(0, counter(9, broken_at=3), visit=lambda _: None)
    assert str(result.violations[0]) == "too high is broken after: up; up; up"
    assert not result.complete


def test_a_model_that_is_too_large_is_not_called_complete() -> None:
    result = explore(0, counter(1_000), max_states=50)
    assert not result.complete
    assert result.violations == ()
