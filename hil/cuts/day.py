"""A short day of two EVSEs on which everything goes wrong that may, and what the books must say."""

from __future__ import annotations

from typing import Any

import msgspec

from hil.csms.brain import CsmsBrain, Misbehaviour
from hil.csms.brain201 import Brain201
from hil.cuts.knife import Knife
from hil.cuts.world import LinkWorld

POWER_W = 7_200.0
DRAIN_S = 900
"""Long enough for every retry of the day."""


class Expected(msgspec.Struct, frozen=True):
    """A transaction as the car knows it."""

    evse: int
    energy_wh: int


class Words(msgspec.Struct, frozen=True):
    """What a version calls a transaction's messages."""

    start: str
    sample: str
    stop: str


EVENT = "TransactionEvent"
WORDS = {
    "1.6": Words("StartTransaction", "MeterValues", "StopTransaction"),
    "2.0.1": Words(EVENT, EVENT, EVENT),
}


class Day:
    """Drives a world through the day and keeps what really happened."""

    def __init__(self, knife: Knife, version: str = "1.6") -> None:
        self.world = LinkWorld(knife, version)
        self._words = WORDS[version]
        self.expected: list[Expected] = []
        self._wh = {1: 1_000_000, 2: 2_000_000}
        self._begun_wh: dict[int, int] = {}
        self._sessions = 0
        self._uuid: dict[int, str] = {}

    def run(self) -> LinkWorld:
        """The whole day, and the time after it in which everything is delivered."""
        brain, words = self.world.brain, self._words
        self._start(1)
        self._charge(70, 1)
        brain.misbehave(words.sample, Misbehaviour.CALLERROR, Misbehaviour.NO_ANSWER)
        self._charge(70, 1)
        self.world.inject('[3,"nobody-asked",{}]')  # a late answer, or one to somebody else
        brain.misbehave(words.stop, Misbehaviour.DROP_AFTER, Misbehaviour.CALLERROR)
        self._stop(1)
        brain.misbehave(words.start, Misbehaviour.DROP_AFTER, Misbehaviour.GARBAGE)
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
        brain.misbehave(words.start, Misbehaviour.DROP)
        self._start(1)
        self.world.fill_disk()
        self._charge(70, 1, 2)
        self._stop(2)
        self.world.free_disk()
        self._stop(1)
        self.world.run(DRAIN_S)
        return self.world

    def verdict(self) -> list[str]:
        """What the back office's books have wrong; empty when they are right."""
        brain = self.world.brain
        wrong = list(brain.complaints)
        billed = _billed(brain) if isinstance(brain, CsmsBrain) else _told(brain)
        if sorted(billed, key=_key) != sorted(self.expected, key=_key):
            wrong.append(f"billed {billed}, charged {self.expected}")
        if self.world.core.acknowledged != len(self.world.core.events):
            wrong.append(f"acknowledged only up to {self.world.core.acknowledged}")
        if len(self.world.engine.transactions.queue):
            wrong.append(f"{len(self.world.engine.transactions.queue)} records never left")
        if isinstance(brain, CsmsBrain):
            wrong += self._wrong_in_ledger(brain)
        elif any(known.types[-1] != "Ended" for known in brain.transactions.values()):
            wrong.append("a transaction that has ended is not told as ended")
        return wrong

    def _wrong_in_ledger(self, brain: CsmsBrain) -> list[str]:
        """Of what only 1.6 can tell: its numbers are the back office's."""
        wrong = []
        if brain.orphan_stops:
            wrong.append(f"{brain.orphan_stops} stops of unknown transactions")
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


def _billed(brain: CsmsBrain) -> list[Expected]:
    return [Expected(line.connector, line.energy_wh or -1) for line in brain.bill_lines()]


def _told(brain: Brain201) -> list[Expected]:
    """Between the first register of each transaction and the last; that no number is missing and
    none is there twice, the brain has judged."""
    return [
        Expected(known.events[0]["evse"]["id"], round(known.energy_wh or -1))
        for known in brain.transactions.values()
    ]


def _key(line: Expected) -> tuple[int, int]:
    return line.evse, line.energy_wh


def points(version: str = "1.6") -> int:
    """How many points a day has at which the link can die."""
    knife = Knife()
    Day(knife, version).run()
    return knife.passed


def try_cut(at: int, version: str = "1.6") -> list[str]:
    """What is wrong after a day on which the link died at point `at`; with the place where."""
    knife = Knife(at)
    day = Day(knife, version)
    day.run()
    return [f"cut at point {at}, {knife.cut_at}: {wrong}" for wrong in day.verdict()]
