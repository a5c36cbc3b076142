"""`evse call` finds the door that has what is asked for."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evse.cli.ask import door_of

NOTHING = dict[str, str]()


@pytest.fixture
def door() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "door.sock"


def listening(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    return made


@pytest.mark.parametrize("method", ["ocpp.state", "ocpp_1_6_charge_point.stop"])
def test_what_both_doors_have_is_asked_of_the_core_while_that_is_there(
    door: Path, method: str
) -> None:
    assert door_of(door, method, NOTHING) == door, "nobody is there: the core is missed"
    with listening(door.with_name("ocpp.sock")):
        assert door_of(door, method, NOTHING) == door.with_name("ocpp.sock")
        with listening(door):
            assert door_of(door, method, NOTHING) == door
        assert door_of(door, "evse_manager.get_id", NOTHING) == door


def test_what_the_link_has_alone_is_asked_of_the_link(door: Path) -> None:
    link = door.with_name("ocpp.sock")
    assert door_of(door, "data_transfer.send", NOTHING) == link
    assert door_of(door, "get", {"variable": "pricing.running_cost"}) == link
    assert door_of(door, "get", {"variable": "evse_manager.limits"}) == door
