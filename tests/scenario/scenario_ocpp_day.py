"""A day of a two-EVSE station at its back office, which goes away whenever it likes.

Customers, the operator and misfortune are generators that yield how many seconds they wait. The
same seed lives the same day.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from typing import Any

from hil.bench.station import StationSetup
from hil.csms.brain import BillLine, Misbehaviour
from hil.sim.ocpp import SimOcpp
from hil.sim.simulation import Simulation
from ocpp_link.device.settings import Settings

Life = Iterator[float]

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
PACE_MS = 4_000
"""Of meter and board, slower than the product's, for time's sake: bills ask for a reading."""
CARDS = ("CARD-A", "CARD-B", "CARD-C", "CARD-D")
EVSES = (1, 2)
SPOILT = (
    Misbehaviour.CALLERROR,
    Misbehaviour.NO_ANSWER,
    Misbehaviour.DROP,
    Misbehaviour.DROP_AFTER,
)
BILLED = ("StartTransaction", "MeterValues", "StopTransaction", "Authorize")


class OcppDay:
    """One station, its back office, and everybody who has to do with them."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        setup = StationSetup(authorization="ocpp", evses=2, meter_poll_ms=PACE_MS)
        self.sim = Simulation(setup.config(), seed=seed, analog_ms=PACE_MS)
        # A sample that is refused as often as this is no reason to give up a bill.
        self.ocpp = SimOcpp(self.sim, settings=Settings(message_attempts=9, sample_interval_s=300))
        self.brain = self.ocpp.csms.brain
        self.counts: dict[str, int] = {}
        self._agenda: list[tuple[int, int, Life]] = []
        self._order = itertools.count()
        self.sim.run_until(lambda: self.brain.statuses.get(2) == "Available", within_ms=10_000)
        for evse in EVSES:
            self._come(self._customers(evse), 5.0)
        for life in (self._operator(), self._network(), self._back_office(), self._processes()):
            self._come(life, 60.0)

    def live(self, seconds: float = DAY_S) -> None:
        end_ms = self.sim.now_ms + round(seconds * 1_000)
        while self._agenda[0][0] <= end_ms:
            at_ms, _, life = heapq.heappop(self._agenda)
            self.sim.run_to(max(at_ms, self.sim.now_ms))
            wait_s = next(life, None)
            if wait_s is not None:
                self._come(life, wait_s)
        self.sim.run_to(max(end_ms, self.sim.now_ms))

    def rest(self) -> None:
        """Everybody goes home, everything is mended and delivered."""
        self.ocpp.mend_network()
        self.ocpp.start()
        self.brain.misbehaviour.clear()
        for evse in EVSES:
            self._leave(evse)
        self.sim.run_for(4 * 3_600_000)

    @property
    def undelivered(self) -> int:
        engine = self.ocpp.engine
        return -1 if engine is None else len(engine.transactions.queue)

    def metered_wh(self, evse: int) -> float:
        """What really went through an EVSE."""
        return self.sim.plants[evse].meter(self.sim.now_ms).energy_import_wh

    def billed(self, evse: int) -> list[BillLine]:
        return [line for line in self.brain.bill_lines() if line.connector == evse]

    # --- people -----------------------------------------------------------------------------------

    def _customers(self, evse: int) -> Life:
        rng, car = self._rng, self.sim.plants[evse].car
        while True:
            yield self._about(50 * MINUTE_S)
            card_first = rng.random() < 0.3
            if card_first:
                self._swipe(rng.choice(CARDS))
                yield self._about(10)
            car.plug(phases=rng.choice((1, 3)), draw_a=rng.choice((10.0, 16.0)))
            self._count("cars")
            self.sim.wake()
            yield self._about(10)
            if not card_first:
                self._swipe(rng.choice(CARDS))
            yield self._about(40 * MINUTE_S)
            if rng.random() < 0.3:
                car.pause()
                self.sim.wake()
                yield self._about(10 * MINUTE_S)
                car.resume()
                self.sim.wake()
                yield self._about(10 * MINUTE_S)
            self._leave(evse)

    def _leave(self, evse: int) -> None:
        self.sim.plants[evse].car.unplug()
        self.sim.wake()
        if self.sim.station is not None:  # a plug that is held is freed by the staff
            self.sim.peer().call("evse_manager.force_unlock", {"evse": evse, "connector_id": 1})
        self.sim.plants[evse].car.unplug()
        self.sim.wake()

    def _operator(self) -> Life:
        """Starts, stops, limits and closes from afar, as far as it is connected."""
        while True:
            yield self._about(30 * MINUTE_S)
            act = self._rng.choice(
                (self._start, self._stop, self._limit, self._unlimit, self._close)
            )
            if self.ocpp.connected:
                act(self._rng.choice(EVSES))
                self._count("operator")

    def _network(self) -> Life:
        while True:
            yield self._about(90 * MINUTE_S)
            self.ocpp.cut_network()
            self._count("outages")
            yield self._about(self._rng.choice((20.0, 10 * MINUTE_S, 60 * MINUTE_S)))
            self.ocpp.mend_network()

    def _back_office(self) -> Life:
        while True:
            yield self._about(40 * MINUTE_S)
            self.brain.misbehave(self._rng.choice(BILLED), self._rng.choice(SPOILT))
            self._count("spoilt answers")

    def _processes(self) -> Life:
        while True:
            yield self._about(3 * HOUR_S)
            self.ocpp.kill()
            self._count("deaths of the link")
            yield self._about(20.0)
            self.ocpp.start()

    # --- acts of the back office ------------------------------------------------------------------

    def _start(self, evse: int) -> None:
        self._call("RemoteStartTransaction", {"connectorId": evse, "idTag": "CARD-REMOTE"})

    def _stop(self, evse: int) -> None:
        running = [line for line in self.billed(evse) if line.stop_wh is None]
        if running:
            self._call("RemoteStopTransaction", {"transactionId": running[0].transaction_id})

    def _limit(self, evse: int) -> None:
        schedule = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": self._rng.choice((0, 8, 12))}],
        }
        profile = {
            "chargingProfileId": evse,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": schedule,
        }
        self._call("SetChargingProfile", {"connectorId": evse, "csChargingProfiles": profile})

    def _unlimit(self, _evse: int) -> None:
        self._call("ClearChargingProfile", {})

    def _close(self, evse: int) -> None:
        self._call("ChangeAvailability", {"connectorId": evse, "type": "Inoperative"})
        self._come(self._open(evse), self._about(15 * MINUTE_S))

    def _open(self, evse: int) -> Life:
        while not self.ocpp.connected:
            yield 60.0
        self._call("ChangeAvailability", {"connectorId": evse, "type": "Operative"})

    # --- inside -----------------------------------------------------------------------------------

    def _call(self, action: str, payload: dict[str, Any]) -> None:
        self.ocpp.call(action, payload)
        self.sim.wake()

    def _swipe(self, card: str) -> None:
        if self.sim.station is None:
            return
        provided = {"id_token": {"value": card, "type": "ISO14443"}, "authorization_type": "RFID"}
        self.sim.peer().call("auth_token_provider.present", {"token": provided})
        self.sim.wake()

    def _come(self, life: Life, wait_s: float) -> None:
        at_ms = self.sim.now_ms + round(wait_s * 1_000)
        heapq.heappush(self._agenda, (at_ms, next(self._order), life))

    def _about(self, mean_s: float) -> float:
        return 1.0 + self._rng.expovariate(1 / mean_s)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
