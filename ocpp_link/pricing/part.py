"""Prices as a part of the engine: there where the station shows them to the driver."""

from __future__ import annotations

from collections.abc import Callable

from ocpp_link.device.model import DeviceModel
from ocpp_link.memory.database import Snapshot
from ocpp_link.pricing.config import PricingConfig
from ocpp_link.pricing.keys import PriceKeys, hide
from ocpp_link.pricing.pricing import Pricing
from ocpp_link.station import Station
from ocpp_link.transactions.delivery import Transactions
from ocpp_link.vendors import Vendors


def pricing(
    config: PricingConfig | None,
    station: Station,
    model: DeviceModel,
    *,
    vendors: Vendors,
    transactions: Transactions,
    kept: Snapshot,
    sample: Callable[[int], None],
) -> Pricing | None:
    """None, and no key of it in the device model, for a station that shows no prices. `sample`
    sends what an EVSE's meter says, with the context `Other`."""
    if config is None:
        hide(model)
        return None
    keys = PriceKeys(station, model, config.languages)
    return Pricing(station, vendors, transactions, keys, kept, sample=sample)
