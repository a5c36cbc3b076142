"""The configuration of prices: their variables in the device model, and what a display makes of
them (default price and texts, language, time offset)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel, View, WriteStatus
from ocpp_link.device.settings import Settings
from ocpp_link.device.values import DataType, Value
from ocpp_link.pricing.messages import Default, PriceTexts, read
from ocpp_link.pricing.tally import COST_DECIMALS
from ocpp_link.pricing.types import DefaultPrice
from ocpp_link.station import Station, utc_ms

FIELDS = (
    "custom_idle_fee",
    "default_price",
    "default_price_texts",
    "language",
    "time_offset",
    "next_time_offset_at",
    "time_offset_next",
)
"""Of Settings: absent from the device model of a station that shows no prices."""
TIMER = "time_offset"
LONGEST_WAIT_MS = 3_600_000
"""The wall clock may be set meanwhile."""
MAX_TEXT = 500
EARLIEST_YEAR = 1971
LATEST_YEAR = 9998

T = TypeVar("T")
Texts = dict[str, PriceTexts]


class PriceKeys:
    """`on_change` hears that `default_price` is another one now."""

    def __init__(self, station: Station, model: DeviceModel, languages: tuple[str, ...]) -> None:
        self._station = station
        self._model = model
        self._languages = languages
        self.on_change: list[Callable[[], None]] = []
        model.facts |= {
            "shows_prices": lambda: "true",
            "cost_decimals": lambda: str(COST_DECIMALS),
            "multi_language": lambda: "true" if languages else "false",
        }
        if languages:
            model.facts["languages"] = lambda: ",".join(languages)
        model.guards |= {
            "default_price": functools.partial(_readable, type_=Default),
            "default_price_texts": functools.partial(_readable, type_=Texts),
            "language": self._language,
        }
        for language in languages:
            self._add_texts(language)
        station.on_timer[TIMER] = self._await_transition
        station.occasions.configured.append(self._configured)
        station.occasions.clock_set.append(lambda _by_ms: self._await_transition())
        self._await_transition()

    def default_price(self) -> DefaultPrice:
        """As it is now."""
        settings = self._station.settings
        own = _read_or(settings.default_price, Default, Default(price_text=""))
        texts = _read_or(settings.default_price_texts, Texts, {}).get(settings.language, own)
        prices = own.charging_price
        return DefaultPrice(
            time_offset=settings.time_offset or "+00:00",
            price_text=texts.price_text or UNSET,
            price_text_offline=texts.price_text_offline,
            charging_price=UNSET if isinstance(prices, UnsetType) else prices.told(),
            language=settings.language or UNSET,
        )

    def wall_ms(self, text: str) -> int:
        """A time of a message, in ms since 1970; without an offset it is the display's local time.
        Raises ValueError."""
        return utc_ms(self._instant(text))

    # --- one key for each language ----------------------------------------------------------------

    def _add_texts(self, language: str) -> None:
        """The key `DefaultPriceText,<language>`: a part of one setting."""
        name = f"price_texts.{language}"
        self._model.views[name] = View(
            read=lambda: self._texts_of(language),
            write=functools.partial(self._set_texts, language),
        )
        self._model.add(
            [
                Row(
                    component="TariffCostCtrlr",
                    variable="DefaultPriceText",
                    instance=language,
                    type=DataType.STRING,
                    view=name,
                    max_length=MAX_TEXT,
                    v16=f"DefaultPriceText,{language}",
                )
            ]
        )

    def _texts_of(self, language: str) -> str:
        texts = _read_or(self._station.settings.default_price_texts, Texts, {}).get(language)
        return "" if texts is None else msgspec.json.encode(texts).decode()

    def _set_texts(self, language: str, text: str) -> WriteStatus:
        texts = dict(_read_or(self._station.settings.default_price_texts, Texts, {}))
        texts.pop(language, None)
        if text:
            try:
                texts[language] = read(text, PriceTexts)
            except ValueError:
                return WriteStatus.REJECTED
        self._model.set("default_price_texts", msgspec.json.encode(texts).decode())
        return WriteStatus.ACCEPTED

    def _language(self, value: Value) -> WriteStatus:
        """One of those that the display speaks, or none."""
        good = value in ("", *self._languages)
        return WriteStatus.ACCEPTED if good else WriteStatus.REJECTED

    # --- the offset of the display's clock --------------------------------------------------------

    def _instant(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise ValueError(f"{text[:40]} is no time that anything could happen at")
        if moment.tzinfo is not None:
            return moment
        offset = self._station.settings.time_offset or "+00:00"
        return datetime.fromisoformat(f"{moment.isoformat()}{offset}")

    def _await_transition(self) -> None:
        """Change to the next offset when its time has come, and wait for that until then."""
        settings = self._station.settings
        if not (settings.next_time_offset_at and settings.time_offset_next):
            self._station.timers.cancel((TIMER,))
            return
        wait_ms = self.wall_ms(settings.next_time_offset_at) - self._station.utc_ms()
        if wait_ms > 0:
            self._station.start_timer(min(wait_ms, LONGEST_WAIT_MS), TIMER)
            return
        self._model.set("next_time_offset_at", "")
        self._model.set("time_offset", settings.time_offset_next)
        self._model.set("time_offset_next", "")

    def _configured(self, before: Settings, now: Settings) -> None:
        if any(getattr(before, field) != getattr(now, field) for field in FIELDS):
            self._await_transition()
            for hear in self.on_change:
                hear()


def hide(model: DeviceModel) -> None:
    """For a station without a display: its keys are not there, for they would do nothing."""
    model.absent.update(FIELDS)


def _readable(value: Value, *, type_: type) -> WriteStatus:
    """A text that is a message of this type, or nothing."""
    try:
        if value:
            read(str(value), type_)
    except ValueError:
        return WriteStatus.REJECTED
    return WriteStatus.ACCEPTED


def _read_or(text: str, type_: type[T], otherwise: T) -> T:
    try:
        return read(text, type_) if text else otherwise
    except ValueError:
        return otherwise
