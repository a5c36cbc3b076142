"""The core dies right after each event of a session is on disk, and starts again: a whole bill.

Everything after that event is lost as in a crash: the disk takes nothing more, then the process
is gone. The plant and ring 1 live on, so the contactor opens by the lease, and the register that
ends the transaction is the one after it opened.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evse.config.load import load
from evse.journal.entries import Record
from hil.sim.simulation import Simulation
from hil.sim.station import SimStation

CONFIG = load(Path(__file__).parents[2] / "hil" / "station_demo.toml")
WHOLE = [
    "Enabled",
    "SessionStarted",
    "AuthRequired",
    "Authorized",
    "TransactionStarted",
    "PrepareCharging",
    "ChargingStarted",
    "StoppingCharging",
    "ChargingPausedEVSE",
    "PrepareCharging",
    "ChargingStarted",
    "StoppingCharging",
    "ChargingFinished",
    "TransactionFinished",
    "SessionFinished",
]
"""The session that is interrupted at each of its events."""
TOKEN = {"id_token": {"value": "CARD", "type": "ISO14443"}, "authorization_type": "RFID"}
ACCEPTED = {"authorization_status": "Accepted", "tariff_messages": []}
FLOAT32_WH = 0.1
"""What a 32-bit float of kWh does to the energies here."""


@dataclass
class Told:
    """One event as stored, and what was true when it was."""

    seq: int
    name: str
    uuid: str
    body: dict[str, Any]
    register_wh: float
    energised: bool

    @property
    def energy_wh(self) -> float | None:
        for key in ("transaction_started", "transaction_finished"):
            if key in self.body:
                return float(self.body[key]["meter_value"]["energy_Wh_import"]["total"])
        return None


class Life:
    """One station whose core dies after event `dies_after` and is back `gap_ms` later."""

    def __init__(self, dies_after: int = 0, gap_ms: int = 0, *, power_loss: bool = False) -> None:
        self.sim = Simulation(CONFIG, seed=7)
        self.told: list[Told] = []
        self._dies_after = dies_after
        self._gap_ms = gap_ms
        self._power_loss = power_loss
        self.sim.on_core.append(self._listen)
        assert self.sim.station is not None
        self._listen(self.sim.station)

    def _listen(self, station: SimStation) -> None:
        inner = station.core.journal.on_durable

        def durable(record: Record) -> None:
            plant = self.sim.plants[record.evse]
            body = msgspec.json.decode(record.body)
            truth = plant.meter(self.sim.now_ms).energy_import_wh
            self.told.append(
                Told(record.seq, body["event"], body["uuid"], body, truth, plant.energised)
            )
            inner(record)
            if record.seq == self._dies_after:
                station.storage.stalled = True
                self.sim.at(self.sim.now_ms, self._die)

        station.core.journal.on_durable = durable

    def _die(self) -> None:
        self.sim.kill_core()
        self.sim.at(self.sim.now_ms + self._gap_ms, self._rise)

    def _rise(self) -> None:
        self.sim.boot += self._power_loss
        self.sim.start_core()

    def call(self, method: str, params: dict[str, Any] | None = None) -> None:
        if self.sim.station is not None:
            self.sim.peer().call(f"evse_manager.{method}", params or {})

    def authorize(self) -> None:
        self.call("authorize_response", {"provided_token": TOKEN, "validation_result": ACCEPTED})

    def live(self) -> Life:
        """Plug, authorize, charge, pause, resume, unplug; then a second customer."""
        sim, car = self.sim, self.sim.plants[1].car
        sim.run_for(3_000)
        car.plug()
        sim.wake()
        sim.run_for(3_000)
        self.authorize()
        sim.run_for(20_000)
        self.call("pause_charging")
        sim.run_for(10_000)
        self.call("resume_charging")
        sim.run_for(20_000)
        car.unplug()
        sim.wake()
        sim.run_for(30_000)
        self.first = len(self.told)
        car.plug()
        sim.wake()
        sim.run_for(3_000)
        self.authorize()
        sim.run_for(20_000)
        return self

    def names(self) -> list[str]:
        return [t.name for t in self.told]


@pytest.fixture(scope="module")
def lives() -> dict[tuple[int, int, bool], Life]:
    return {}


def lived(
    lives: dict[tuple[int, int, bool], Life], dies_after: int, gap_ms: int, *, power_loss: bool
) -> Life:
    key = (dies_after, gap_ms, power_loss)
    if key not in lives:
        lives[key] = Life(dies_after, gap_ms, power_loss=power_loss).live()
    return lives[key]


each_death = pytest.mark.parametrize("dies_after", range(1, len(WHOLE) + 1))
each_gap = pytest.mark.parametrize("gap_ms", [300, 12_000])
each_end = pytest.mark.parametrize("power_loss", [False, True])
Lives = dict[tuple[int, int, bool], Life]


def test_the_session_that_is_interrupted_goes_through_every_kind_of_event() -> None:
    life = Life().live()
    assert life.names()[: len(WHOLE)] == WHOLE


@each_death
@each_gap
@each_end
def test_a_session_found_open_is_resumed_in_name_and_ended(
    lives: Lives, dies_after: int, gap_ms: int, power_loss: bool
) -> None:
    life = lived(lives, dies_after, gap_ms, power_loss=power_loss)
    before, after = life.told[:dies_after], life.told[dies_after:]
    session = before[-1].uuid if before[-1].name != "SessionFinished" else ""
    wanted = []
    if session:
        wanted.append("SessionResumed")
        counts = Counter(t.name for t in before)
        if counts["TransactionStarted"] > counts["TransactionFinished"]:
            wanted += ["ChargingFinished", "TransactionFinished"]
        wanted.append("SessionFinished")
    wanted.append("Enabled")
    assert [t.name for t in after[: len(wanted)]] == wanted
    assert {t.uuid for t in after[: len(wanted) - 1]} <= {session}
    for each in after:
        if each.name == "TransactionFinished" and each.uuid == session:
            reason = each.body["transaction_finished"]["reason"]
            assert reason == ("PowerLoss" if power_loss else "Reboot")


@each_death
@each_gap
@each_end
def test_the_bill_is_whole(lives: Lives, dies_after: int, gap_ms: int, power_loss: bool) -> None:
    life = lived(lives, dies_after, gap_ms, power_loss=power_loss)
    assert [t.seq for t in life.told] == list(range(1, len(life.told) + 1)), "numbered on"
    for uuid in {t.uuid for t in life.told if t.uuid}:
        names = Counter(t.name for t in life.told if t.uuid == uuid)
        assert names["SessionStarted"] == 1
        assert names["TransactionFinished"] <= names["TransactionStarted"] <= 1
    ended = [t for t in life.told if t.name == "TransactionFinished"]
    begun = [t for t in life.told if t.name == "TransactionStarted"]
    assert [t.uuid for t in ended] == [t.uuid for t in begun][: len(ended)]
    assert len(begun) - len(ended) <= 1, "the second customer still charges"
    readings = [t.energy_wh for t in life.told if t.energy_wh is not None]
    assert readings == sorted(readings)
    for each in ended:
        assert not each.energised
        assert each.energy_wh == pytest.approx(each.register_wh, abs=FLOAT32_WH)


@each_death
@each_gap
def test_the_next_customer_charges_and_the_metal_was_never_in_danger(
    lives: Lives, dies_after: int, gap_ms: int
) -> None:
    life = lived(lives, dies_after, gap_ms, power_loss=False)
    assert life.names()[-1] == "ChargingStarted"
    assert life.sim.plants[1].energised
    assert life.sim.plants[1].violations == []
    assert life.sim.said == []


@pytest.mark.parametrize("deaths", [2, 3, 5])
def test_a_core_that_dies_again_while_it_recovers_bills_once(deaths: int) -> None:
    """Each start lives just long enough to write one more event."""
    life = Life(dies_after=7, gap_ms=500, power_loss=True)

    def again() -> None:
        if life._dies_after < 7 + deaths:
            life._dies_after += 1

    life.sim.on_core.append(lambda _station: again())
    life.live()
    finished = [t for t in life.told if t.name == "TransactionFinished"]
    first = life.told[1].uuid
    (bill,) = [t for t in finished if t.uuid == first]
    assert bill.body["transaction_finished"]["reason"] == "PowerLoss"
    assert bill.energy_wh == pytest.approx(bill.register_wh, abs=FLOAT32_WH)


def test_a_damaged_snapshot_starts_safe_and_is_said() -> None:
    life = Life()
    life.sim.run_for(3_000)
    life.sim.kill_core()
    life.sim.database.execute("UPDATE snapshot SET body = ?", (b'{"uuid":"\xff"}',))
    life.sim.start_core()
    life.sim.run_for(3_000)
    assert life.names()[-1] == "Enabled"
    assert "evse 1: the stored session can not be read" in life.sim.said[0]
