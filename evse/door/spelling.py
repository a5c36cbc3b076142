"""In which generation's spelling a peer is told its values: `hello` chooses, for a connection.

The present one is what the core has; that of September 2023 is written on request
(evse/types/seed).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


class Interface(enum.StrEnum):
    """A generation of the published interfaces."""

    PRESENT = "present"
    SEED = "2023"


def _epoch() -> datetime:
    return datetime.fromtimestamp(0, UTC)


class Spelling:
    """Writes values as a peer asked for them. Total: what has one shape goes out in that."""

    def __init__(self, utc: Callable[[], datetime] = _epoch) -> None:
        self.utc = utc

    def told(self, interface: Interface, value: Any, at: datetime) -> Any:
        """`value` of the internal model, published at `at`, in that spelling."""
        if interface is Interface.PRESENT:
            return value
        from evse.types.energy import EnforcedLimits
        from evse.types.seed.emit import enforced_limits, to_seed  # few ever ask: loaded for them

        if isinstance(value, EnforcedLimits):
            return enforced_limits(value, at)
        return to_seed(value)
