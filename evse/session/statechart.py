"""The one safe way to use python-statemachine here.

Guarantees: an exception in a callback reaches the caller and the configuration stays where it
was; an event that the present state does not take raises; a self-transition re-enters; the
configuration changes in one piece. Assumes: callbacks are synchronous, read no clock, do no I/O
and only append commands to `outbox`, which is emptied when anything raises. Checked by
tests/unit/evse/test_evse_statechart.py, which provokes each of these.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from typing import Any

from statemachine import StateChart
from statemachine.engines.sync import SyncEngine
from statemachine.exceptions import TransitionNotAllowed

__all__ = ["SafeChart", "TransitionNotAllowed"]

_CALLBACK_PREFIXES = ("on_enter_", "on_exit_", "before_", "after_", "on_")


class SafeChart(StateChart[Any]):
    """Base of every chart: the library's permissive defaults written out the other way."""

    catch_errors_as_events = False
    allow_event_without_transition = False
    enable_self_transition_entries = True
    atomic_configuration_update = True

    outbox: list[Any]

    def __init__(self, **kwargs: Any) -> None:
        _refuse_misnamed_callbacks(type(self))
        self.outbox = []
        super().__init__(**kwargs)
        if not isinstance(self._engine, SyncEngine):
            raise TypeError(f"{type(self).__name__}: callbacks are synchronous")
        self._leaf = self._active_leaf()

    @property
    def state(self) -> str:
        """Id of the active leaf state."""
        return self._leaf

    def _active_leaf(self) -> str:
        # Asked once a move, not at each look: the library builds a set each time (2 us).
        return str(next(reversed(list(self.configuration))).id)

    def dispatch(self, event: str) -> list[Any]:
        """Send `event`; return the commands its callbacks appended.

        Raises TransitionNotAllowed when the state does not take it, and whatever a callback
        raised; in both cases the state is unchanged and no command is handed out.
        """
        try:
            self.send(event)
            self._leaf = self._active_leaf()
            return list(self.outbox)
        finally:
            self.outbox.clear()

    @classmethod
    def event_ids(cls) -> list[str]:
        """Every event of the chart, in the order of its source."""
        return [event.id for event in cls._events]

    def accepts(self, event: str) -> bool:
        """Does the present state take `event`?"""
        return any(event == allowed.id for allowed in self.allowed_events)


@functools.cache
def _refuse_misnamed_callbacks(cls: type[SafeChart]) -> None:
    """The library ignores a callback whose name fits no state or event; we refuse the class."""
    known = {s.id for s in cls.states_map.values()} | {e.id for e in cls._events}
    for name, member in vars(cls).items():
        if not inspect.isfunction(member) or not name.startswith(_CALLBACK_PREFIXES):
            continue
        if inspect.iscoroutinefunction(member):
            raise TypeError(f"{cls.__name__}.{name}: callbacks are synchronous")
        if name.startswith("after_"):
            raise TypeError(f"{cls.__name__}.{name}: runs when the move can not be undone any more")
        if _subject(name) not in known:
            raise TypeError(f"{cls.__name__}.{name} fits no state or event: {_names(known)}")


def _subject(callback: str) -> str:
    prefix = next(p for p in _CALLBACK_PREFIXES if callback.startswith(p))
    return callback.removeprefix(prefix)


def _names(known: Iterable[str]) -> str:
    return ", ".join(sorted(known))
