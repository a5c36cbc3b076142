"""The site of a simulated station: what its meter at the mains shows of a house and its EVSEs."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from evse.config.evse import EvseTable
from evse.door.hub import Hub
from hil.plant.door import PlantDoor
from hil.plant.model import MeterTruth, PlantConfig
from hil.plant.plant import Plant
from hil.plant.site import Site, wiring
from hil.sim.station import LocalPeer

HOUR_MS = 3_600_000
TABLE = EvseTable(id=1, evse_id="DE*PNX*E1*1", connector="cable", max_current_a=32.0)


class Charging(Plant):
    """A plant whose car takes 16, 8 and 0 A."""

    def meter(self, now_ms: int) -> MeterTruth:
        return replace(super().meter(now_ms), current_a=(16.0, 8.0, 0.0))


def site(rotation: str = "RST") -> Site:
    tables = [replace(TABLE, id=evse, phase_rotation=rotation) for evse in (1, 2)]
    plants = {1: Charging(PlantConfig(), seed=1), 2: Plant(PlantConfig(), seed=2, evse=2)}
    return Site(tables, plants, house_a=(2.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("rotation", "evses_a"),
    [
        ("RST", (16.0, 8.0, 0.0)),
        ("STR", (0.0, 16.0, 8.0)),
        ("TSR", (0.0, 8.0, 16.0)),
        ("unknown", (16.0, 8.0, 0.0)),
    ],
)
def test_a_car_loads_the_lines_that_its_evse_is_wired_to(
    rotation: str, evses_a: tuple[float, ...]
) -> None:
    found = site(rotation)
    assert found.evses_a(0) == evses_a
    house = zip((2.0, 1.0, 1.0), evses_a, strict=True)
    assert found.mains_a(0) == tuple(base + own for base, own in house)


def test_wiring_is_a_permutation() -> None:
    assert {wiring(r) for r in ("RST", "STR", "TRS", "RTS", "SRT", "TSR")} == {
        (0, 1, 2),
        (1, 2, 0),
        (2, 0, 1),
        (0, 2, 1),
        (1, 0, 2),
        (2, 1, 0),
    }


def test_what_the_roof_gives_has_its_sign_in_the_power() -> None:
    found = site()
    found.house_a = (5.0, 3.0, -8.0)
    truth = found.meter(0)
    assert truth.current_a == (21.0, 11.0, 8.0)
    assert truth.power_w == (4830.0, 2530.0, -1840.0)


def test_what_is_bought_is_counted_and_what_is_sold_is_not() -> None:
    found = site()
    found.house_a = (0.0, 0.0, -14.0)
    found.meter(0)
    assert found.meter(HOUR_MS).energy_import_wh == pytest.approx(2_300.0)
    found.house_a = (-30.0, -30.0, -30.0)
    found.meter(HOUR_MS)
    assert found.meter(2 * HOUR_MS).energy_import_wh == pytest.approx(2_300.0)


def peer(of: Site | None) -> LocalPeer:
    hub = Hub()
    PlantDoor(hub, {}, lambda: 0, of)
    return LocalPeer(hub)


def test_the_house_is_set_and_shown_at_the_plants_door() -> None:
    door = peer(site())
    before = {"house_a": [2.0, 1.0, 1.0], "evses_a": [16.0, 8.0, 0.0], "mains_a": [18.0, 9.0, 1.0]}
    assert door.ask("sim.house") == before
    after = door.ask("sim.house", {"amps": [5, 3, -8]})
    assert (after["house_a"], after["mains_a"]) == ([5.0, 3.0, -8.0], [21.0, 11.0, -8.0])
    assert door.ask("sim.house") == after


def test_what_is_shown_of_the_house_is_free_of_what_floats_leave_behind() -> None:
    shown = peer(site()).ask("sim.house", {"amps": [0.1 + 0.2, -1e-9, -8]})
    assert shown["house_a"] == [0.3, 0.0, -8.0]
    assert msgspec.json.encode(shown["house_a"]) == b"[0.3,0.0,-8.0]"
    assert shown["mains_a"] == [16.3, 8.0, -8.0]


@pytest.mark.parametrize("amps", [[1, 2], [1, 2, 3, 4], [1, 2, 5_000], ["a", 1, 2]])
def test_a_house_that_is_none_changes_nothing(amps: list[object]) -> None:
    door = peer(site())
    with pytest.raises(AssertionError, match="amps"):
        door.ask("sim.house", {"amps": amps})
    assert door.ask("sim.house")["house_a"] == [2.0, 1.0, 1.0]


def test_a_station_without_a_meter_at_the_mains_says_so() -> None:
    with pytest.raises(AssertionError, match=r"no \[mains\]"):
        peer(None).ask("sim.house")
