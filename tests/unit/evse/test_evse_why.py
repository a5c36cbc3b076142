"""`why`: one sentence a technician can act on, in every situation that a session can be in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from station_rig import Peer, accepted, config, station

from evse.door.inspection import inspect
from evse.evidence import Fact, evidence
from evse.metering.trouble import Trouble
from evse.session import availability
from evse.types.session import EnableSource, EnableState
from evse.why import why
from hil.plant.faults import FAULTS
from hil.sim.simulation import Simulation


def sentence(sim: Simulation, evse: int = 1) -> str:
    assert sim.station is not None
    return why(sim.station.core, evse)


def facts(sim: Simulation, evse: int = 1) -> tuple[Fact, ...]:
    assert sim.station is not None
    return evidence(sim.station.core, evse)


def peer(sim: Simulation) -> Peer:
    assert sim.station is not None
    return Peer(sim.station.hub)


def charging() -> Simulation:
    sim = station()
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(3_000)
    peer(sim).result("evse_manager.authorize_response", accepted())
    sim.run_for(15_000)
    return sim


def limit(sim: Simulation, amps: float) -> None:
    leaves = {"ac_max_current_A": {"value": amps, "source": "the grid operator"}}
    entry = {"timestamp": "2020-01-01T00:00:00Z", "limits_to_leaves": leaves}
    value = {"schedule_import": [entry]}
    peer(sim).result("evse_manager.set_external_limits", {"value": value})


def test_a_session_told_from_beginning_to_end() -> None:
    sim = Simulation(config(), seed=1)
    assert sentence(sim) == (
        "EVSE 1 is not charging because the board does not answer: it has not answered yet."
    ) or sentence(sim).endswith("still starting.")
    sim.run_for(3_000)
    assert sentence(sim) == "EVSE 1 is not charging because no car is plugged in."
    peer(sim).result("evse_manager.authorize_response", accepted())
    assert sentence(sim).endswith("no car is plugged in; a token is already accepted.")
    sim.plants[1].car.plug(variant="sleepy")
    sim.wake()
    sim.run_for(10_000)
    assert sentence(sim).endswith("32 A are offered and the pilot is in state B.")
    limit(sim, 4)
    sim.run_for(6_000)
    assert sentence(sim).endswith(
        "the grid operator limits it to 4 A, and less than 6 A can not be offered."
    )


def test_what_holds_a_charging_car_back_is_named() -> None:
    sim = charging()
    limit(sim, 10)
    sim.run_for(20_000)
    assert sentence(sim) == (
        "EVSE 1 is charging: 10 A are offered, limited by the grid operator"
        " and the car draws 6.9 kW."
    )


def test_a_disabled_station_says_how_to_bring_it_back() -> None:
    sim = charging()
    peer(sim).result("evse_manager.disable", {"connector_id": 0})
    assert sentence(sim).endswith("it is disabled; `enable` brings it back.")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("CSMS", "by the back office (CSMS); `enable` brings it back."),
        ("LocalKeyLock", "by the key lock at the station (LocalKeyLock); `enable` brings it back."),
        (
            "FirmwareUpdate",
            "by the firmware update (FirmwareUpdate); it comes back when that has ended.",
        ),
    ],
)
def test_a_disabled_station_says_by_whom(source: str, words: str) -> None:
    sim = charging()
    disable = {"connector_id": 0, "source": source}
    peer(sim).result("evse_manager.disable", disable)
    assert sentence(sim).endswith(f"it is disabled {words}")
    (fact,) = [fact for fact in facts(sim) if "availability" in fact.says]
    assert not fact.ok
    assert fact.says.startswith("availability: disabled by the ")
    assert fact.says.endswith(f"({source})")
    peer(sim).result("evse_manager.disable", {"connector_id": 0})
    assert sentence(sim).endswith("it is disabled; `enable` brings it back.")


def test_everybody_whose_word_counts_is_named_and_nobody_else() -> None:
    sim = charging()
    for source, connector in (("CSMS", 0), ("MobileApp", 0), ("LocalAPI", 1)):
        disable = {"connector_id": connector, "source": source}
        peer(sim).result("evse_manager.disable", disable)
    assert sentence(sim).endswith(
        "it is disabled by the back office (CSMS) and a local program (LocalAPI); "
        "`enable` brings it back."
    )
    enable = {"connector_id": 1, "source": "LocalAPI"}
    peer(sim).result("evse_manager.enable", enable)
    assert sentence(sim).endswith(
        "it is disabled by the back office (CSMS); `enable` brings it back."
    )


@pytest.mark.parametrize("source", list(EnableSource))
def test_every_source_has_its_words(source: EnableSource) -> None:
    off = availability.assign((), source, 0, EnableState.Disable)
    assert availability.by_whom(off).endswith(f" ({source.value})")
    assert availability.by_whom(availability.assign((), source, 0, EnableState.Enable)) == ""


def test_a_dead_board_is_named_with_its_reason() -> None:
    sim = charging()
    sim.kill_guard()
    sim.run_for(2_000)
    assert "the board does not answer: the board sent no status of EVSE 1 for 600 ms" in sentence(
        sim
    )


def test_an_evse_that_is_not_here_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        sentence(station(), 2)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_leaves_a_sentence(fault: str) -> None:
    sim = charging()
    sim.plants[1].set_fault(fault)
    sim.wake()
    sim.run_for(12_000)
    text = sentence(sim)
    kinds = ("charging: ", "about to charge: ", "not charging because ")
    assert text.startswith(tuple(f"EVSE 1 is {kind}" for kind in kinds))
    assert text.endswith(".")


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["plug", "unplug", "token", "pause", "stop", "disable", "enable"]),
            st.integers(10, 8_000),
        ),
        max_size=10,
    )
)
def test_any_script_leaves_a_sentence_at_every_moment(script: list[tuple[str, int]]) -> None:
    sim = station()
    caller = peer(sim)
    car = sim.plants[1].car
    for act, ms in script:
        if act == "plug" and car.drivetrain is None:
            car.plug()
        elif act == "unplug":
            car.unplug()
        elif act == "token":
            caller.call("evse_manager.authorize_response", accepted())
        elif act == "pause":
            caller.call("evse_manager.pause_charging", {})
        elif act == "stop":
            caller.call("evse_manager.stop_transaction", {"request": {"reason": "Remote"}})
        else:
            caller.call(f"evse_manager.{act}", {"connector_id": 0})
        sim.wake()
        sim.run_for(ms)
        assert sentence(sim).startswith("EVSE 1 is ")


def test_of_a_lost_meter_it_tells_what_the_bus_doctor_found() -> None:
    sim = charging()
    assert sim.station is not None
    core = sim.station.core
    core.on_meter_lost(1)
    assert sentence(sim).endswith("Check the meter's supply, A/B wires, address and baud rate.")
    trouble = Trouble("nothing answers at /dev/ttyUSB0 (9600 8N1)", "Swap A and B.")
    core.on_meter_trouble(1, trouble)
    assert sentence(sim) == (
        "EVSE 1 is not charging because the meter does not answer: nothing answers at "
        "/dev/ttyUSB0 (9600 8N1) (powermeter/CommunicationFault). Swap A and B."
    )
    (fault,) = [one for one in inspect(core, 1)["faults"] if one["code"].startswith("powermeter")]
    assert fault["says"].endswith("(9600 8N1)")
    assert fault["hint"] == "Swap A and B."
    sim.run_for(5_000)
    assert core.sessions[1].meter.trouble is None
