"""The contact in L2 and L3: which way it is driven, since when, and whether it followed. Pure.

Responsibility: remembers where the phase contact was sent and for how long a feedback has
contradicted, so that nothing closes before the contact has had its time. It does not decide *when*
the contact may move: the rows of `evse/guard/rules.py` do. After a start it is left where it is,
which only a feedback knows, until a permit says where it belongs.
"""

from __future__ import annotations

import msgspec

L1_ALONE = 1
ALL_PHASES = 3
POSITIONS = (L1_ALONE, ALL_PHASES)


class PhaseContact(msgspec.Struct, frozen=True, gc=False):
    """Where it was sent, and whether it is there."""

    driven: int = 0
    """L1_ALONE or ALL_PHASES; 0: not driven since the start."""
    since_ms: int | None = None
    """When it was sent there; None where it was found there."""
    wrong_since_ms: int | None = None
    """The feedback has not shown that position since then."""


def look(contact: PhaseContact, feedback: int, now_ms: int) -> PhaseContact:
    """Take a look at the feedback: L1_ALONE, ALL_PHASES, or 0 where it gives nothing."""
    wrong = contact.driven != 0 and feedback != contact.driven
    if wrong is (contact.wrong_since_ms is not None):
        return contact
    return PhaseContact(contact.driven, contact.since_ms, now_ms if wrong else None)


def send(contact: PhaseContact, phases: int, feedback: int, now_ms: int) -> PhaseContact:
    """The contact driven to `phases`: on its way, unless a start of ring 1 found it there."""
    found = contact.driven == 0 and feedback == phases
    return PhaseContact(phases, None if found else now_ms)
