"""What limits the energy: `[limits]`, which needs no back office, and `[mains]`, a meter at the
supply of the whole site.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from evse.config.evse import MeterTable
from evse.config.values import Table


class RandomDelayTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits.random_delay]`: UK SI 2021/1467 regulation 11."""

    enabled: bool = False
    max_s: Annotated[int, Meta(ge=0, le=1_800)] = 600
    at_any_change: bool = True
    """False: only where the current starts or stops to flow."""


class LimitsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: limits that hold without a back office."""

    default_a: Annotated[float, Meta(ge=0, le=80)] | None = None
    """Local limit per EVSE and phase; below 6 A charging pauses."""
    ramp_a_per_s: Annotated[float, Meta(gt=0, le=80)] | None = None
    """Fastest rise of an offer; left out, at once."""
    resume_margin_a: Annotated[float, Meta(ge=0, le=10)] = 0.5
    """After a measured limit paused charging: it goes on from 6 A and this on ..."""
    resume_dwell_s: Annotated[int, Meta(ge=0, le=3_600)] = 60
    """... for so long ..."""
    resume_steady_s: Annotated[int, Meta(ge=0, le=7_200)] = 300
    """... or from 6 A for so long."""
    random_delay: RandomDelayTable = RandomDelayTable()


class MainsTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[mains]`: a meter at the supply of the whole site, for load balancing (spec hardware 2.1).
    It measures the EVSEs and everybody else on their lines."""

    mode: Literal["smart", "solar"] = "smart"
    max_mains_a: Annotated[float, Meta(ge=6, le=1_000)]
    """Per phase, for the site."""
    max_sum_a: Annotated[float, Meta(ge=6, le=3_000)] | None = None
    """Contracted sum of the three phases."""
    fallback_a: Annotated[float, Meta(ge=0, le=1_000)] = 0.0
    """What all EVSEs together may take per phase while the meter is lost; below 6 A they pause."""
    solar_import_a: Annotated[float, Meta(ge=0, le=100)] = 0.0
    """Sum of the phases that may be bought while charging from the sun."""
    solar_start_a: Annotated[float, Meta(ge=0, le=100)] = 4.0
    """Sum of the phases that must flow out before a car starts."""
    solar_stop_s: Annotated[int, Meta(ge=0, le=86_400)] = 600
    """How long a shortage of sun lasts before charging pauses."""
    meter: MeterTable
