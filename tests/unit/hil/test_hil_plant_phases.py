"""The phase contact as metal: its travel, what flows behind it, and what it must never do."""

from __future__ import annotations

import pytest

from evse.config.load import guard_config_crc
from evse.model import Capability
from hil.bench.station import StationSetup
from hil.errors import OutOfRange, UnknownFault
from hil.plant.model import NEVER_MS, Driven, LockDrive, PlantConfig
from hil.plant.phase_contact import PhaseContact
from hil.plant.plant import Plant
from hil.plant.virtual_board import hardware, identity, plant_config
from hil.trace import Lane, Trace

SWITCHED = PlantConfig(coil_watchdog_ms=None, noise_mv=0, phase_switch=True)


def drive(metal: Plant, now_ms: int, *, coil: bool, phases: int) -> None:
    metal.drive(Driven(coil, 2_666, LockDrive.LOCK, phases=phases), now_ms)


def charging(phases: int, config: PlantConfig = SWITCHED) -> Plant:
    """Charging for a while, at 10 s."""
    metal = Plant(config, seed=1, trace=Trace())
    metal.car.plug()
    drive(metal, 0, coil=False, phases=phases)
    drive(metal, 1_500, coil=True, phases=phases)
    metal.advance(10_000)
    return metal


def moved(contact: PhaseContact, now_ms: int, driven: int, **faults: bool) -> int:
    """When it arrives."""
    contact.refresh(now_ms, driven, **{"stuck": False, "opens": False, **faults})
    return contact.due_ms


def test_it_arrives_after_its_travel_and_stays_undriven() -> None:
    contact = PhaseContact(30)
    assert moved(contact, 0, 3) == NEVER_MS
    assert moved(contact, 100, 1) == 130
    assert contact.phases == 3
    contact.fire(130)
    assert (contact.phases, contact.due_ms) == (1, NEVER_MS)
    assert moved(contact, 200, 0) == NEVER_MS
    assert contact.phases == 1


def test_driven_back_on_the_way_it_never_leaves() -> None:
    contact = PhaseContact(30)
    moved(contact, 0, 1)
    assert moved(contact, 10, 3) == NEVER_MS
    contact.fire(100)
    assert contact.phases == 3


def test_stuck_it_stays_and_healed_it_goes_where_it_is_driven() -> None:
    contact = PhaseContact(30)
    assert moved(contact, 0, 1, stuck=True) == NEVER_MS
    assert moved(contact, 100, 1) == 130


def test_it_opens_by_itself_whatever_drives_it() -> None:
    contact = PhaseContact(30)
    assert moved(contact, 0, 3, opens=True) == 30
    contact.fire(30)
    assert contact.phases == 1
    assert moved(contact, 100, 3) == 130


def test_a_car_of_three_phases_draws_on_l1_alone_behind_an_open_phase_contact() -> None:
    truth = charging(phases=1).meter(10_000)
    assert truth.voltage_v == (230.0, 230.0, 230.0)
    assert truth.current_a == (15.996, 0.0, 0.0)


def test_the_feedback_is_the_truth_and_is_there_only_where_a_contact_is() -> None:
    assert charging(phases=1).sense(10_000).phase_feedback is False
    assert charging(phases=3).sense(10_000).phase_feedback is True
    plain = charging(phases=1, config=PlantConfig(coil_watchdog_ms=None))
    assert plain.sense(10_000).phase_feedback is None
    assert plain.meter(10_000).current_a == (15.996, 15.996, 15.996)


@pytest.mark.parametrize(("begins", "ends"), [(3, 1), (1, 3)])
def test_switching_under_load_is_noted_once_in_its_millisecond(begins: int, ends: int) -> None:
    metal = charging(phases=begins)
    drive(metal, 10_000, coil=True, phases=ends)
    metal.advance(20_000)
    assert [(v.t_ms, v.rule) for v in metal.violations] == [(10_030, "phases_switched_under_load")]


def test_switching_under_load_is_noted_again_in_the_next_charge() -> None:
    metal = charging(phases=3)
    drive(metal, 10_000, coil=True, phases=1)
    drive(metal, 11_000, coil=False, phases=1)
    drive(metal, 12_000, coil=True, phases=1)
    drive(metal, 13_000, coil=True, phases=3)
    metal.advance(14_000)
    assert [v.rule for v in metal.violations] == ["phases_switched_under_load"] * 2


def test_switching_with_the_contactor_open_is_no_violation() -> None:
    metal = charging(phases=3)
    drive(metal, 10_000, coil=False, phases=3)
    drive(metal, 11_000, coil=False, phases=1)
    drive(metal, 12_000, coil=True, phases=1)
    metal.advance(20_000)
    assert metal.violations == []
    assert metal.phases == 1


def test_a_power_cut_leaves_the_contact_where_it_is() -> None:
    metal = charging(phases=1)
    metal.set_fault("power_cut")
    drive(metal, 10_000, coil=True, phases=3)
    metal.advance(20_000)
    assert metal.phases == 1


def test_faults_of_the_board_come_and_go_by_name() -> None:
    metal = charging(phases=3)
    metal.set_board_fault("TILT")
    metal.set_board_fault("TILT")
    metal.set_board_fault("CABLE_HOT")
    assert str(metal.sense(10_000).faults) == str(metal.board_faults)
    assert {fault.name for fault in metal.board_faults} == {"TILT", "CABLE_HOT"}
    metal.set_board_fault("TILT", False)
    assert {fault.name for fault in metal.sense(10_000).faults} == {"CABLE_HOT"}
    assert metal.trace is not None
    noted = [entry.value for entry in metal.trace.changes(Lane.FAULT)]
    assert noted == ["+board_tilt", "+board_cable_hot", "-board_tilt"]


def test_a_dead_board_tells_no_fault() -> None:
    metal = charging(phases=3)
    metal.set_board_fault("TILT")
    metal.set_fault("power_cut")
    assert not metal.sense(10_000).faults


def test_an_unknown_fault_of_the_board_is_refused_by_name() -> None:
    metal = charging(phases=3)
    with pytest.raises(UnknownFault, match=r"'tilt': the board knows .*TILT"):
        metal.set_board_fault("tilt")


def test_ring_1_has_the_contact_where_the_configuration_uses_it_and_both_ends_agree() -> None:
    without, with_contact = StationSetup().config(), StationSetup(phase_switch="oneway").config()
    for config, fitted in ((without, False), (with_contact, True)):
        found = hardware(config.evses[0])
        assert (found.phase_switch, found.phase_feedback) == (fitted, fitted)
        assert plant_config(config.evses[0]).phase_switch is fitted
        assert (Capability.PHASE_SWITCH in identity(config, 1).capabilities) is fitted
    assert guard_config_crc(without) != guard_config_crc(with_contact)


def test_a_contact_that_arrives_before_it_left_can_not_be() -> None:
    with pytest.raises(OutOfRange, match="phase_contact_ms -1"):
        PlantConfig(phase_contact_ms=-1)
