"""Exhaustive exploration: visit every reachable state of a finite model, breadth first.

The model says what may happen next; the engine counts, stops at the first broken promise and tells
the shortest way there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

import msgspec

S = TypeVar("S", bound=Hashable)


class Edge(NamedTuple, Generic[S]):
    """One thing that may happen."""

    action: object
    """Shown with str() on the way to a violation."""
    state: S
    broken: str | None
    """Name of the invariant that this step breaks."""


class Violation(msgspec.Struct, frozen=True):
    invariant: str
    path: tuple[str, ...]
    """The actions that lead there, from the first state."""

    def __str__(self) -> str:
        return f"{self.invariant} is broken after: " + "; ".join(self.path)


class Result(msgspec.Struct, frozen=True):
    states: int
    transitions: int
    violations: tuple[Violation, ...]
    complete: bool
    """Every reachable state was visited."""


def explore(
    start: S,
    successors: Callable[[S], Iterable[Edge[S]]],
    *,
    visit: Callable[[S], None] = lambda _: None,
    max_states: int = 1_000_000,
) -> Result:
    """Visit everything reachable from `start`, or stop at the first violation or `max_states`.

    `visit` is called once with every state.
    """
    parents: dict[S, tuple[S, object] | None] = {start: None}
    frontier = deque((start,))
    visit(start)
    transitions = 0
    while frontier:
        state = frontier.popleft()
        for action, following, broken in successors(state):
            transitions += 1
            if broken is not None:
                violation = Violation(broken, (*_path(parents, state), str(action)))
                return Result(len(parents), transitions, (violation,), False)
            if following not in parents:
                parents[following] = (state, action)
                visit(following)
                frontier.append(following)
        if len(parents) >= max_states:
            return Result(len(parents), transitions, (), False)
    return Result(len(parents), transitions, (), True)


def _path(parents: dict[S, tuple[S, object] | None], state: S) -> tuple[str, ...]:
    actions: list[str] = []
    step = parents[state]
    while step is not None:
        state, action = step
        actions.append(str(action))
        step = parents[state]
    return tuple(reversed(actions))
