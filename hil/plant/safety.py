"""What no station may do to its metal: conditions with the time they may last at most."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hil.plant.model import NEVER_MS

OPENING_BUDGET_MS = 100
"""IEC 61851-1 seq 2.2 and 8.1, the contactor's own time included."""
FORCED_OPENING_MS = 6_000
"""Seq 10.2: the car does not obey X1."""


class Truth(msgspec.Struct, frozen=True, gc=False):
    """The state of the metal, as the rules below need it."""

    energised: bool
    """The power contacts are closed."""
    contact: bool
    """A car is on the pilot."""
    demands: bool
    """It shows C or D."""
    offered: bool
    """The pilot carries PWM."""
    held: bool
    """The bolt holds the plug fully, or there is no bolt."""
    plug_in: bool
    """The station's end of the cable is in its socket, or tethered."""
    over_offered: bool
    """The duty promises more than the cable can carry."""
    residual_trip: bool
    emergency: bool
    phases_moved: bool
    """The phase contact moved since the power contacts closed."""


RULES: tuple[tuple[str, int, Callable[[Truth], bool]], ...] = (
    ("energised_without_plug", 0, lambda t: t.energised and not t.plug_in),
    ("energised_without_car", OPENING_BUDGET_MS, lambda t: t.energised and not t.contact),
    (
        "energised_without_demand",
        OPENING_BUDGET_MS,
        lambda t: t.energised and t.contact and not t.demands,
    ),
    (
        "energised_without_offer",
        FORCED_OPENING_MS + OPENING_BUDGET_MS,
        lambda t: t.energised and not t.offered,
    ),
    ("unlocked_under_load", 0, lambda t: t.energised and not t.held),
    ("energised_after_residual_trip", OPENING_BUDGET_MS, lambda t: t.energised and t.residual_trip),
    ("energised_in_emergency", OPENING_BUDGET_MS, lambda t: t.energised and t.emergency),
    ("phases_switched_under_load", 0, lambda t: t.phases_moved),
    ("offer_above_cable", 0, lambda t: t.over_offered),
)
"""(name, longest time that it may last in ms, condition). Zero: not for an instant."""


class SafetyWatch:
    """Times the conditions; `due_ms` is when the next one has lasted too long."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}
        self._reported: set[str] = set()
        self._truth: Truth | None = None
        self.due_ms = NEVER_MS

    def look(self, now_ms: int, truth: Truth) -> list[str]:
        """The rules broken now and not before in the same stretch, in the order of RULES."""
        if truth == self._truth and now_ms < self.due_ms:
            return []
        self._truth = truth
        broken = []
        self.due_ms = NEVER_MS
        for name, budget_ms, holds in RULES:
            if not holds(truth):
                self._since.pop(name, None)
                self._reported.discard(name)
                continue
            due_ms = self._since.setdefault(name, now_ms) + budget_ms
            if name in self._reported:
                continue
            if now_ms > due_ms or (now_ms == due_ms and not budget_ms):
                self._reported.add(name)
                broken.append(name)
            else:
                self.due_ms = min(self.due_ms, due_ms + 1)
        return broken
