"""A short day of two EVSEs on which everything goes wrong that may, and what the books must say."""

from __future__ import annotations

from typing import Any

import msgspec

from hil.csms.brain import Misbehaviour
from hil.cuts.knife import Knife
from hil.cuts.world import LinkWorld

POWER_W = 7_200.0
DRAIN_S = 900
"""Long enough for every retry of the day."""


class Expected(msgspec.Struct, frozen=True):
    """A transaction as the car knows it."""

    evse: int
    energy_wh: int


class Day:
    """Drives a world through the day and keeps what really happened."""

    def __init__(self, knife: Knife) -> None:
        self.world = LinkWorld(knife)
        self.expected: list[Expected] = []
        self._wh = {1: 1_000_000, 2: 2_000_000}
        self._begun_wh: dict[int, int] = {}
        self._sessions = 0
        self._uuid: dict[int, str] = {}

    def run(self) -> LinkWorld:
        """The whole day, and the time after it in which everything is delivered."""
        brain = self.world.brain
        self._start(1)
        self._charge(70, 1)
        brain.misbehave("MeterValues", Misbehaviour.CALLERROR, Misbehaviour.NO_ANSWER)
        self._charge(70, 1)
        self.world.inject('[3,"nobody-asked",{}]')  # a late answer, or one to somebody else
        brain.misbehave("StopTransaction", Misbehaviour.DROP_AFTER, Misbehaviour.CALLERROR)
        self._stop(1)
        brain.misbehave("StartTransaction", Misbehaviour.DROP_AFTER, Misbehaviour.GARBAGE)
        self._start(2)
        self.world.cut_network()
        self._charge(70, 2)
        self._start(1)
        self._charge(70, 1, 2)
        self.world.clock.offset_s = 3_600  # somebody sets the clock
        self._stop(1)
        self.world.mend_network()
        self._charge(10, 2)
        self.world.restart_csms()
        brain.misbehave("StartTransaction", Misbehaviour.DROP)
        self._start(1)
        self._charge(70, 1, 2)
        self._stop(2)
        self._stop(1)
        self.world.run(DRAIN_S)
        return self.world

    def verdict(self) -> list[str]:
        """What the back office's books have wrong; empty when they are right."""
        brain = self.world.brain
        billed = [Expected(line.connector, line.energy_wh or -1) for line in brain.bill_lines()]
        wrong = list(brain.complaints)
        if sorted(billed, key=_key) != sorted(self.expected, key=_key):
            wrong.append(f"billed {billed}, charged {self.expected}")
        if brain.orphan_stops:
            wrong.append(f"{brain.orphan_stops} stops of unknown transactions")
        if self.world.core.acknowledged != len(self.world.core.events):
            wrong.append(f"acknowledged only up to {self.world.core.acknowledged}")
        if len(self.world.engine.transactions.queue):
            wrong.append(f"{len(self.world.engine.transactions.queue)} records never left")
        told_twice = brain.repeated_starts + brain.repeated_stops
        if told_twice > self.world.deaths + self.world.drops + 2:  # two answers are spoilt
            wrong.append(f"{told_twice} starts and stops told again, and no reason for so many")
        return wrong

    # --- what cars do -----------------------------------------------------------------------------

    def _start(self, evse: int) -> None:
        self._sessions += 1
        self._uuid[evse] = f"session-{self._sessions}"
        self._begun_wh[evse] = self._wh[evse]
        reading = {"meter_value": self._reading(evse)}
        token = {
            "id_token": {"value": f"CARD{self._sessions}", "type": "ISO14443"},
            "authorization_type": "RFID",
        }
        self._tell(evse, "SessionStarted", session_started={"reason": "EVConnected", **reading})
        self._tell(evse, "AuthRequired")
        self._tell(evse, "Authorized")
        self._tell(evse, "TransactionStarted", transaction_started={"id_tag": token, **reading})
        self._tell(evse, "ChargingStarted", charging_state_changed_event=reading)

    def _charge(self, seconds: int, *evses: int) -> None:
        for _ in range(0, seconds, 10):
            for evse in evses:
                self._wh[evse] += round(POWER_W * 10 / 3_600)
                self.world.meter(evse, self._reading(evse))
            self.world.run(10)

    def _stop(self, evse: int) -> None:
        reading = {"meter_value": self._reading(evse)}
        finished = {"reason": "EVDisconnected", **reading}
        self._tell(evse, "TransactionFinished", transaction_finished=finished)
        self._tell(evse, "SessionFinished", session_finished=reading)
        self.expected.append(Expected(evse, self._wh[evse] - self._begun_wh[evse]))
        self.world.run(5)

    def _tell(self, evse: int, name: str, **more: Any) -> None:
        event = {"uuid": self._uuid[evse], "event": name, "timestamp": self.world.at(), **more}
        self.world.event(evse, event)

    def _reading(self, evse: int) -> dict[str, Any]:
        return {"timestamp": self.world.at(), "energy_Wh_import": {"total": float(self._wh[evse])}}


def _key(line: Expected) -> tuple[int, int]:
    return line.evse, line.energy_wh


def points() -> int:
    """How many points a day has at which the link can die."""
    knife = Knife()
    Day(knife).run()
    return knife.passed


def try_cut(at: int) -> list[str]:
    """What is wrong after a day on which the link died at point `at`; with the place where."""
    knife = Knife(at)
    day = Day(knife)
    day.run()
    return [f"cut at point {at}, {knife.cut_at}: {wrong}" for wrong in day.verdict()]
