"""The JSON in the DataTransfers of `org.openchargealliance.costmsg`, read and checked. Pure.

Names are the whitepaper's (OCA, OCPP and California pricing requirements). Money is read as the
decimal number that stands there, never through a float.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from evse.types.authorization import MessageContent
from ocpp_link.pricing.types import ChargingPrice, CostState, IdlePrice, NextPeriod
from ocpp_link.records import EvseStatus

MAX_AMOUNT = Decimal(10) ** 9
MOST_DECIMALS = 12

T = TypeVar("T")


class Prices(msgspec.Struct, frozen=True):
    kwh: Decimal | UnsetType = msgspec.field(default=UNSET, name="kWhPrice")
    hour: Decimal | UnsetType = msgspec.field(default=UNSET, name="hourPrice")
    flat: Decimal | UnsetType = msgspec.field(default=UNSET, name="flatFee")

    def told(self) -> ChargingPrice:
        return ChargingPrice(kwh_price=self.kwh, hour_price=self.hour, flat_fee=self.flat)


class Idle(msgspec.Struct, frozen=True):
    hour: Decimal | UnsetType = msgspec.field(default=UNSET, name="hourPrice")
    grace_minutes: int | UnsetType = msgspec.field(default=UNSET, name="graceMinutes")

    def told(self) -> IdlePrice:
        return IdlePrice(hour_price=self.hour, grace_minutes=self.grace_minutes)


class Period(msgspec.Struct, frozen=True, rename="camel"):
    at_time: str
    charging_price: Prices | UnsetType = UNSET
    idle_price: Idle | UnsetType = UNSET

    def told(self, at_time: str) -> NextPeriod:
        """`at_time`, as RFC 3339."""
        charging, idle = self.charging_price, self.idle_price
        return NextPeriod(
            at_time=at_time,
            charging_price=UNSET if isinstance(charging, UnsetType) else charging.told(),
            idle_price=UNSET if isinstance(idle, UnsetType) else idle.told(),
        )


class Trigger(msgspec.Struct, frozen=True):
    """When the back office wants a meter value, to reckon anew."""

    at_time: str | UnsetType = msgspec.field(default=UNSET, name="atTime")
    at_energy_kwh: Decimal | UnsetType = msgspec.field(default=UNSET, name="atEnergykWh")
    at_power_kw: Decimal | UnsetType = msgspec.field(default=UNSET, name="atPowerkW")
    at_status: tuple[EvseStatus, ...] = msgspec.field(default=(), name="atCPStatus")


class SetUserPrice(msgspec.Struct, frozen=True, rename="camel"):
    id_token: str
    price_text: str
    price_text_extra: tuple[MessageContent, ...] = ()


class Running(msgspec.Struct, frozen=True, rename="camel"):
    transaction_id: int
    timestamp: str
    meter_value: Decimal
    cost: Decimal
    state: CostState
    charging_price: Prices
    idle_price: Idle | UnsetType = UNSET
    next_period: Period | UnsetType = UNSET
    trigger_meter_value: Trigger | UnsetType = UNSET


class Final(msgspec.Struct, frozen=True, rename="camel"):
    transaction_id: int
    cost: Decimal
    price_text: str | UnsetType = UNSET
    price_text_extra: tuple[MessageContent, ...] = ()
    qr_code_text: str | UnsetType = UNSET


class PriceTexts(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The value of a key `DefaultPriceText,<language>`."""

    price_text: str
    price_text_offline: str | UnsetType = UNSET


class Default(PriceTexts, frozen=True, rename="camel", omit_defaults=True):
    """The value of the key `DefaultPrice`."""

    charging_price: Prices | UnsetType = UNSET


def read(text: str | None, type_: type[T]) -> T:
    """Raises ValueError, in words, for what is no message of that kind."""
    try:
        value = msgspec.json.decode(text or "", type=type_)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"data can not be read: {error}") from error
    _expect_amounts(value)
    return value


def _expect_amounts(value: Any) -> None:
    """Numbers that no price can be end here, before anybody reckons with them."""
    if isinstance(value, Decimal):
        _expect_amount(value)
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            _expect_amounts(getattr(value, field))


def _expect_amount(value: Decimal) -> None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MOST_DECIMALS or abs(value) > MAX_AMOUNT:
        raise ValueError("a number in data is no amount")
