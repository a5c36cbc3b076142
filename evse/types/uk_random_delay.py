"""Type of EVerest's `uk_random_delay` interface: what is told of a random delay."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from evse.types.base import Closed, DateTime
from evse.types.quantities import Amps


class CountDown(Closed, frozen=True):
    """While none runs, `countdown_s` is 0 and both limits are the one that applies."""

    countdown_s: Annotated[int, Meta(ge=0)]
    current_limit_after_delay_A: Amps
    current_limit_during_delay_A: Amps
    start_time: DateTime | UnsetType = UNSET
    """When it began."""
