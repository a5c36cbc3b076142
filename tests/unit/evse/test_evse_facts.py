"""Hardware and readiness of an EVSE as they are told: at the start, and whenever they change."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from station_rig import Peer, config, station

from evse.config.evse import EvseTable, PhaseSwitchTable
from evse.model import Capability
from evse.session.capabilities import LEAST_OFFER_A, hardware_capabilities
from evse.types.board_support import HardwareCapabilities
from hil.sim.simulation import Simulation

HARDWARE = "evse_manager.hw_capabilities"
EVSE = config().evses[0]

tables = st.builds(
    lambda amps, phases, mode, connector: replace(
        EVSE,
        max_current_a=amps,
        phases=phases,
        phase_switch=PhaseSwitchTable(mode=mode),
        connector=connector,
    ),
    st.floats(6, 80),
    st.sampled_from([1, 3]),
    st.sampled_from(["never", "oneway", "both"]),
    st.sampled_from(["socket", "cable"]),
)
boards = st.none() | st.integers(0, 2**10 - 1).map(Capability)


def get(sim: Simulation, variable: str) -> Any:
    assert sim.station is not None
    return Peer(sim.station.hub).result("get", {"variable": variable})


def test_b4_until_the_board_has_said_so_it_can_do_nothing() -> None:
    sim = Simulation(config(), seed=1)
    told = get(sim, HARDWARE)
    assert (told["max_current_A_import"], told["min_current_A_import"]) == (0.0, 0.0)
    assert told["supports_changing_phases_during_charging"] is False
    assert get(sim, "evse_manager.ready") is False


def test_then_it_is_what_the_configuration_and_the_board_give() -> None:
    sim = station()
    assert get(sim, HARDWARE) == {
        "max_current_A_import": 32.0,
        "min_current_A_import": 6.0,
        "max_phase_count_import": 3,
        "min_phase_count_import": 3,
        "max_current_A_export": 0.0,
        "min_current_A_export": 0.0,
        "max_phase_count_export": 3,
        "min_phase_count_export": 3,
        "supports_changing_phases_during_charging": False,
        "supports_cp_state_E": False,
        "connector_type": "IEC62196Type2Socket",
    }
    assert get(sim, "evse_manager.ready") is True


def test_a_lost_board_can_do_nothing_until_it_is_back() -> None:
    sim = station()
    assert sim.station is not None
    watcher = Peer(sim.station.hub)
    watcher.result("subscribe", {"variable": HARDWARE})
    sim.cut_link(True)
    sim.run_for(3_000)
    sim.cut_link(False)
    sim.run_for(3_000)
    told = [params["value"]["max_current_A_import"] for params in watcher.notified(HARDWARE)]
    assert told == [0.0, 32.0]
    assert get(sim, "evse_manager.ready") is True, "what ails it after its boot is a fault"


def test_what_does_not_change_is_told_once() -> None:
    sim = station()
    assert sim.station is not None
    watcher = Peer(sim.station.hub)
    for variable in (HARDWARE, "evse_manager.ready"):
        watcher.result("subscribe", {"variable": variable})
    sim.run_for(20_000)
    assert watcher.notified(HARDWARE) == watcher.notified("evse_manager.ready") == []


@given(tables, boards, st.none() | st.floats(0, 100))
def test_hardware_is_never_more_than_its_rating(
    table: EvseTable, board: Capability | None, rating_a: float | None
) -> None:
    told = hardware_capabilities(table, board, rating_a)
    most_a = told.max_current_A_import
    assert most_a == 0 or LEAST_OFFER_A <= most_a <= table.max_current_a
    assert most_a <= (table.max_current_a if rating_a is None else rating_a)
    assert told.min_current_A_import <= most_a
    assert 1 <= told.min_phase_count_import <= told.max_phase_count_import == table.phases
    assert told == msgspec.convert(msgspec.to_builtins(told), HardwareCapabilities)


@given(tables, boards)
def test_phases_are_switched_where_board_and_configuration_and_supply_allow(
    table: EvseTable, board: Capability | None
) -> None:
    told = hardware_capabilities(table, board)
    able = board is not None and bool(board & Capability.PHASE_SWITCH)
    wanted = table.phase_switch.mode != "never" and table.phases == 3
    assert told.supports_changing_phases_during_charging is (able and wanted)
    assert (told.min_phase_count_import < told.max_phase_count_import) is (able and wanted)


@pytest.mark.parametrize(
    ("connector", "said"), [("socket", "IEC62196Type2Socket"), ("cable", "IEC62196Type2Cable")]
)
def test_the_connector_is_the_configured_one(connector: Any, said: str) -> None:
    table = replace(EVSE, connector=connector)
    assert hardware_capabilities(table, None).connector_type == said
