"""What a display follows at the door: prices and costs. Money is decimal, as a string in JSON.

The interface is ours; no page asks for it.
"""

from __future__ import annotations

import enum
from decimal import Decimal

from msgspec import UNSET, UnsetType

from evse.types.authorization import MessageContent
from evse.types.base import DateTime, Open
from evse.types.interface_model import Variable, page


class CostState(enum.StrEnum):
    """What is paid for: charging, or standing there."""

    Charging = "Charging"
    Idle = "Idle"


class ChargingPrice(Open, frozen=True):
    """In the currency that the back office and the driver agree on."""

    kwh_price: Decimal | UnsetType = UNSET
    hour_price: Decimal | UnsetType = UNSET
    flat_fee: Decimal | UnsetType = UNSET


class IdlePrice(Open, frozen=True):
    """Of standing there; nothing for the first `grace_minutes`."""

    hour_price: Decimal | UnsetType = UNSET
    grace_minutes: int | UnsetType = UNSET


class NextPeriod(Open, frozen=True):
    """Prices that hold from then on."""

    at_time: DateTime
    charging_price: ChargingPrice | UnsetType = UNSET
    idle_price: IdlePrice | UnsetType = UNSET


class DefaultPrice(Open, frozen=True):
    """What to show before anybody is known; texts in `language`, where there are such. Times are
    shown with `time_offset` from UTC."""

    time_offset: str
    price_text: str | UnsetType = UNSET
    price_text_offline: str | UnsetType = UNSET
    charging_price: ChargingPrice | UnsetType = UNSET
    language: str | UnsetType = UNSET


class UserPrice(Open, frozen=True):
    """The price for one driver, in words; with `session_id` and `evse` once one is charging."""

    id_token: str
    price_text: str
    price_text_extra: tuple[MessageContent, ...] = ()
    session_id: str | UnsetType = UNSET
    evse: int | UnsetType = UNSET


class RunningCost(Open, frozen=True):
    """What a transaction has cost so far: as the back office reckoned at `timestamp`, and as it
    would go on from there (`estimated_cost`, at `estimated_at`; an estimate bills nothing)."""

    evse: int
    session_id: str
    transaction_id: str
    timestamp: DateTime
    meter_value: int
    """Register, Wh."""
    cost: Decimal
    state: CostState
    charging_price: ChargingPrice
    idle_price: IdlePrice | UnsetType = UNSET
    next_period: NextPeriod | UnsetType = UNSET
    estimated_cost: Decimal | UnsetType = UNSET
    estimated_at: DateTime | UnsetType = UNSET


class FinalCost(Open, frozen=True):
    """What a transaction cost; without `session_id` and `evse` where it is long over."""

    transaction_id: str
    cost: Decimal
    price_text: str | UnsetType = UNSET
    price_text_extra: tuple[MessageContent, ...] = ()
    qr_code_text: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    evse: int | UnsetType = UNSET


PRICING = page(
    "pricing",
    "Prices and costs, for a display.",
    Variable("default_price", DefaultPrice, "What to show before anybody is known."),
    Variable("user_price", UserPrice, "The price for a driver, as soon as it is told."),
    Variable("running_cost", RunningCost, "What each EVSE's transaction has cost so far."),
    Variable("final_cost", FinalCost, "What a transaction cost in the end."),
)
