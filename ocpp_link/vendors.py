"""DataTransfer both ways, by vendor: what a vendor's messages mean is whoever serves it's to say.

The same in every version of OCPP (1.6 §4.3, §5.6; 2.0.1 P01, P02).
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable

from ocpp_link.data_transfer import VendorAnswer, VendorMessage, VendorStatus
from ocpp_link.rpc.outcome import Outcome, OutcomeKind
from ocpp_link.station import Station

ANSWER_MS = 15_000
"""A vendor that takes longer is answered for; the back office gives up after 30 s or so."""
TIMER = "vendor"

_log = logging.getLogger(__name__)


OnAnswer = Callable[[VendorAnswer], None]
Vendor = Callable[[VendorMessage, OnAnswer], None]
"""Answers a message, at once or later, once."""


class Vendors:
    """Vendor ids are compared without regard to case: each is a CiString (1.6 §6.15)."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._serving: dict[str, Vendor] = {}
        self._waiting: dict[int, tuple[str, OnAnswer]] = {}
        self._numbers = itertools.count(1)
        station.on_timer[TIMER] = self._overdue

    def serve(self, vendor_id: str, vendor: Vendor) -> None:
        """Raises ValueError for one that is served already."""
        if vendor_id.casefold() in self._serving:
            raise ValueError(f"{vendor_id} is served already")
        self._serving[vendor_id.casefold()] = vendor

    def withdraw(self, vendor_id: str) -> None:
        """Nobody serves it any more."""
        self._serving.pop(vendor_id.casefold(), None)

    def ask(self, message: VendorMessage, on_answer: OnAnswer) -> None:
        """A message of the back office; `on_answer` is called once."""
        vendor = self._serving.get(message.vendor_id.casefold())
        if vendor is None:
            on_answer(VendorAnswer(VendorStatus.UNKNOWN_VENDOR))
            return
        number = next(self._numbers)
        self._waiting[number] = message.vendor_id, on_answer
        self._station.start_timer(ANSWER_MS, TIMER, number)
        vendor(message, lambda answer: self._answered(number, answer))

    def send(
        self, message: VendorMessage, on_answer: Callable[[VendorAnswer | None], None]
    ) -> None:
        """To the back office; None where it did not answer, or is out of reach. A CALLERROR is a
        rejection."""
        if not self._station.operational:
            on_answer(None)
            return
        dialect = self._station.dialect

        def done(outcome: Outcome) -> None:
            match outcome.kind:
                case OutcomeKind.RESULT:
                    on_answer(dialect.data_transfer_answer(outcome.payload))
                case OutcomeKind.ERROR:
                    on_answer(VendorAnswer(VendorStatus.REJECTED))
                case _:
                    on_answer(None)

        self._station.request(dialect.data_transfer(message), done)

    def _answered(self, number: int, answer: VendorAnswer) -> None:
        _, on_answer = self._waiting.pop(number, ("", None))
        self._station.timers.cancel((TIMER, number))
        if on_answer is not None:
            on_answer(answer)

    def _overdue(self, number: int) -> None:
        vendor_id, on_answer = self._waiting.pop(number)
        _log.warning("%s did not answer a message of the back office", vendor_id)
        on_answer(VendorAnswer(VendorStatus.REJECTED))
