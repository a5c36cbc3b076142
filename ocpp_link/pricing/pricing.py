"""Prices and costs as the back office tells them, for a display, and the meter values it wants.

The vendor `org.openchargealliance.costmsg` of DataTransfer. Nothing here decides about charging.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ocpp_link.data_transfer import VendorAnswer, VendorMessage, VendorStatus
from ocpp_link.memory.database import Snapshot
from ocpp_link.pricing import triggers as when
from ocpp_link.pricing.keys import PriceKeys
from ocpp_link.pricing.messages import Final, Running, SetUserPrice, read
from ocpp_link.pricing.tally import advance
from ocpp_link.pricing.terms import Underway, underway
from ocpp_link.pricing.types import FinalCost, UserPrice
from ocpp_link.pricing.unplugged import Unplugged
from ocpp_link.records import EvseState, EvseStatus
from ocpp_link.station import Station
from ocpp_link.transactions.delivery import Transactions
from ocpp_link.vendors import OnAnswer, Vendors

VENDOR_ID = "org.openchargealliance.costmsg"
SHOW_MS = 10_000
"""Between estimates of a running cost."""
RECENT = 16
"""Transactions that are over and whose EVSE is still known."""
IDLE = frozenset({EvseStatus.SUSPENDED_EV, EvseStatus.FINISHING})
"""The car could charge and does not; a station that pauses it is not the driver's fault."""

News = Callable[[str, int | None, Any], None]
"""Takes a variable of the interface `pricing`, the EVSE (None: the station), and its value."""


class Pricing:
    """`news` hears of each new value; `sample` sends what an EVSE's meter says, context `Other`."""

    def __init__(
        self,
        station: Station,
        vendors: Vendors,
        transactions: Transactions,
        keys: PriceKeys,
        kept: Snapshot,
        *,
        sample: Callable[[int], None],
    ) -> None:
        self._station = station
        self._transactions = transactions
        self._keys = keys
        self._sample = sample
        self.unplugged = Unplugged(station, transactions, vendors, kept, VENDOR_ID)
        self.news: list[News] = []
        self._open: dict[int, Underway] = {}
        self._recent: dict[str, tuple[str, int]] = {}
        """Transaction id -> session and EVSE."""
        vendors.serve(VENDOR_ID, self._message)
        keys.on_change.append(self._default_price)
        station.on_timer["price_trigger"] = self._at_time
        station.on_timer["price_show"] = self._show
        occasions = station.occasions
        occasions.metered.append(self._metered)
        occasions.evse_changed.append(self._evse_changed)
        occasions.clock_set.append(lambda _by_ms: self._await_times())

    def default_price(self) -> Any:
        """The value of `pricing.default_price`."""
        return self._keys.default_price()

    # --- messages ---------------------------------------------------------------------------------

    def _message(self, message: VendorMessage, on_answer: OnAnswer) -> None:
        acts = {
            "SetUserPrice": self._user_price,
            "RunningCost": self._running_cost,
            "FinalCost": self._final_cost,
        }
        act = acts.get(message.message_id)
        if act is None:
            on_answer(VendorAnswer(VendorStatus.UNKNOWN_MESSAGE))
            return
        try:
            act(message.data)
        except ValueError as error:
            on_answer(VendorAnswer(VendorStatus.REJECTED, str(error)[:500]))
        else:
            on_answer(VendorAnswer(VendorStatus.ACCEPTED))

    def _user_price(self, data: str | None) -> None:
        said = read(data, SetUserPrice)
        token = said.id_token.casefold()
        charging = [
            state
            for state in self._station.states.values()
            if state.in_transaction and state.token.casefold() == token
        ]
        state = charging[0] if len(charging) == 1 else None
        value = UserPrice(
            id_token=said.id_token,
            price_text=said.price_text,
            price_text_extra=said.price_text_extra,
            session_id=UNSET if state is None else state.session,
            evse=UNSET if state is None else state.evse,
        )
        self._tell("pricing.user_price", None, value)

    def _running_cost(self, data: str | None) -> None:
        """Raises ValueError also for a transaction that does not run here."""
        said = read(data, Running)
        evse = self._transactions.evse_running(said.transaction_id)
        if evse is None:
            raise ValueError(f"transaction {said.transaction_id} does not run here")
        state = self._station.states[evse]
        self._open[evse] = underway(said, state, self._keys.wall_ms, self._open.get(evse))
        self._recent[str(said.transaction_id)] = state.session, evse
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        self._show(evse)
        self._metered(evse)
        self._await_time(evse)

    def _final_cost(self, data: str | None) -> None:
        """Also of a transaction that nobody here remembers."""
        said = read(data, Final)
        id_ = str(said.transaction_id)
        session, evse = self._recent.get(id_, ("", None))
        opened = None if evse is None else self._open.get(evse)
        if evse is not None and opened is not None and opened.session == session:
            self._close(evse)
        value = FinalCost(
            transaction_id=id_,
            cost=said.cost,
            price_text=said.price_text,
            price_text_extra=said.price_text_extra,
            qr_code_text=said.qr_code_text,
            session_id=session or UNSET,
            evse=UNSET if evse is None else evse,
        )
        self._tell("pricing.final_cost", evse, value)

    # --- what happens -----------------------------------------------------------------------------

    def _metered(self, evse: int) -> None:
        opened, meter = self._open.get(evse), self._station.meters.get(evse)
        begun_wh = self._station.states[evse].start_wh
        if opened is None or meter is None or begun_wh is None:
            return
        power = meter.power_W
        opened.triggers, wanted = when.metered(
            opened.triggers,
            Decimal(meter.energy_Wh_import.total) - Decimal(begun_wh),
            None if isinstance(power, UnsetType) else Decimal(power.total),
        )
        if wanted:
            self._sample(evse)

    def _evse_changed(self, evse: int) -> None:
        opened, state = self._open.get(evse), self._station.states[evse]
        if opened is None:
            return
        status, opened.status = opened.status, state.status
        if state.status is not status:
            if state.status in opened.triggers.at_status:
                self._sample(evse)
            self._show(evse)
        if state.session != opened.session or self._is_over(state):
            self._close(evse)

    def _is_over(self, state: EvseState) -> bool:
        """Nothing more is paid for, and no status that is still to come is waited for."""
        opened = self._open[state.evse]
        fee_goes_on = self._station.settings.custom_idle_fee
        return state.ended and not fee_goes_on and not opened.triggers.at_status

    def _close(self, evse: int) -> None:
        del self._open[evse]
        for timer in ("price_trigger", "price_show"):
            self._station.timers.cancel((timer, evse))

    # --- time -------------------------------------------------------------------------------------

    def _await_times(self) -> None:
        for evse in self._open:
            self._await_time(evse)

    def _await_time(self, evse: int) -> None:
        at_ms = self._open[evse].triggers.at_ms
        if at_ms is None:
            self._station.timers.cancel(("price_trigger", evse))
        else:
            delay_ms = max(0, at_ms - self._station.utc_ms())
            self._station.start_timer(delay_ms, "price_trigger", evse)

    def _at_time(self, evse: int) -> None:
        opened = self._open.get(evse)
        if opened is None:
            return
        opened.triggers, wanted = when.timed(opened.triggers, self._station.utc_ms())
        if wanted:
            self._sample(evse)
        else:
            self._await_time(evse)

    def _show(self, evse: int) -> None:
        """Reckon on, and tell."""
        opened = self._open.get(evse)
        if opened is None:
            return
        meter, now_ms = self._station.meters.get(evse), self._station.utc_ms()
        wh = opened.tally.wh if meter is None else int(meter.energy_Wh_import.total)
        idle = self._station.states[evse].status in IDLE
        opened.tally = advance(opened.tally, now_ms, wh, idle=idle)
        value = msgspec.structs.replace(
            opened.told,
            estimated_cost=opened.tally.shown,
            estimated_at=self._station.timestamp(),
        )
        self._tell("pricing.running_cost", evse, value)
        self._station.start_timer(SHOW_MS, "price_show", evse)

    def _default_price(self) -> None:
        self._tell("pricing.default_price", None, self._keys.default_price())

    def _tell(self, variable: str, evse: int | None, value: Any) -> None:
        for hear in self.news:
            hear(variable, evse, value)
