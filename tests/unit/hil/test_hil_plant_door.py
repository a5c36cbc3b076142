"""The plant's door: what a driver may do, what is refused, and that the trace is told once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from evse.door.hub import Hub
from hil.plant.door import PlantDoor, PlantState
from hil.plant.model import Driven, LockDrive, PlantConfig
from hil.plant.plant import Plant
from hil.plant.process import ToldTrace
from hil.sim.station import LocalPeer
from hil.trace import Entry, Lane, Trace


class Rig:
    """A plant with its door, and a peer that follows the trace like the bench does."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.told = ToldTrace()
        self.plant = Plant(PlantConfig(), seed=1, trace=self.told, start_ms=self.now_ms)
        hub = Hub()
        self.door = PlantDoor(hub, {1: self.plant}, lambda: self.now_ms)
        self.door.changed = self._tell
        self.peer = LocalPeer(hub)
        self.followed = Trace()
        self.peer.on_notification = self._heard

    def _tell(self) -> None:
        told, self.told.told = self.told.told, []
        for entry in told:
            self.door.told(entry)

    def _heard(self, _variable: str, params: dict[str, Any]) -> None:
        self._record(params["value"])

    def _record(self, raw: Any) -> None:
        entry = msgspec.convert(raw, Entry)
        self.followed.record(entry.t_ms, entry.evse, entry.lane, entry.value)

    def follow(self) -> None:
        for raw in self.peer.ask("subscribe", {"variable": "sim.trace"})["value"]:
            self._record(raw)

    def state(self) -> PlantState:
        return msgspec.convert(self.peer.ask("sim.state")["1"], PlantState)

    def error(self, method: str, **params: Any) -> dict[str, Any]:
        found: list[Any] = []
        self.peer.call(method, params, lambda _result, error: found.append(error))
        assert found[0] is not None, "it was taken"
        return dict(found[0])


def test_a_car_comes_asks_for_air_and_goes() -> None:
    rig = Rig()
    rig.peer.ask("sim.plug_in", {"draw": {"amps": 8.0, "phases": 1}, "variant": "simplified"})
    state = rig.state()
    assert (state.plugged, state.cable_in, state.t_ms) == (True, True, 1_000)
    assert 5_500 < state.pilot_mv < 6_500
    rig.peer.ask("sim.ventilation", {"wanted": True})
    assert 2_500 < rig.state().pilot_mv < 3_500
    rig.peer.ask("sim.plug_out")
    state = rig.state()
    assert (state.plugged, state.cable_in) == (False, False)
    assert state.pilot_mv == pytest.approx(12_000, abs=100)


def test_a_bolt_holds_the_plug_that_somebody_pulls() -> None:
    rig = Rig()
    rig.peer.ask("sim.plug_in")
    rig.plant.drive(Driven(lock=LockDrive.LOCK), rig.now_ms)
    rig.now_ms += 1_000
    assert rig.state().lock == "locked"
    rig.peer.ask("sim.pull_plug")
    assert rig.state().cable_in is True
    rig.plant.drive(Driven(lock=LockDrive.UNLOCK), rig.now_ms)
    rig.now_ms += 1_000
    state = rig.state()
    assert (state.lock, state.cable_in) == ("unlocked", False)


def test_residual_current_trips_what_watches_it() -> None:
    rig = Rig()
    rig.peer.ask("sim.set_residual", {"residual_ma": 30.0})
    rig.now_ms += 1_000
    assert rig.plant.sense(rig.now_ms).rcd_tripped is True


def test_a_fault_of_the_board_is_set_told_and_cleared() -> None:
    rig = Rig()
    rig.peer.ask("sim.board_fault", {"fault": "TILT"})
    assert rig.state().board_faults == ["TILT"]
    rig.peer.ask("sim.board_fault", {"fault": "TILT", "active": False})
    assert rig.state().board_faults == []


def test_the_phases_behind_the_contactor_are_told() -> None:
    assert Rig().state().phases == 3


def test_violations_come_with_their_rule_and_excuse() -> None:
    rig = Rig()
    rig.peer.ask("sim.set_fault", {"fault": "contactor_stuck_closed"})
    rig.now_ms += 1_000
    (first, *_) = rig.state().violations
    assert first.evse == 1
    assert first.rule == "energised_without_plug"
    assert first.faults == ("contactor_stuck_closed",)


def test_the_trace_is_told_whole_and_once_to_who_comes_early_and_to_who_comes_late() -> None:
    early, late = Rig(), Rig()
    for rig in (early, late):
        if rig is early:
            rig.follow()
        rig.peer.ask("sim.plug_in")
        rig.plant.drive(Driven(coil=True, duty_bp=2_666), rig.now_ms)
        for _ in range(40):
            rig.now_ms += 50
            rig.plant.drive(Driven(coil=True, duty_bp=2_666), rig.now_ms)
            rig.state()
        if rig is late:
            rig.plant.advance(rig.now_ms)
            rig.follow()
        rig.now_ms += 500
        rig.state()
        assert rig.followed.lines() == rig.told.lines()
        assert rig.followed.changes(Lane.CONTACTOR)


@pytest.mark.parametrize(
    ("method", "params", "word"),
    [
        ("sim.plug_in", {"evse": 2}, "evse 2 is not here"),
        ("sim.plug_in", {"variant": "flying"}, "flying"),
        ("sim.plug_in", {"draw": {"amps": 81.0}}, "amps"),
        ("sim.set_fault", {"fault": "gremlin"}, "gremlin"),
        ("sim.board_fault", {"fault": "gremlin"}, "gremlin"),
        ("sim.set_residual", {"residual_ma": -1}, "residual_ma"),
        ("sim.set_voltage", {"voltage_v": 900}, "voltage_v"),
        ("subscribe", {"variable": "weather"}, "only sim.trace"),
        ("sim.state", {"evse": 1}, "evse"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    method: str, params: dict[str, Any], word: str
) -> None:
    rig = Rig()
    rig.follow()
    before = rig.followed.lines()
    assert word in rig.error(method, **params)["message"]
    assert rig.followed.lines() == before
