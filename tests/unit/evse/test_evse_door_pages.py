"""Every variable and command of the pages is served by a running core, in the published types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from published import PAGES, json_of, whole
from station_rig import BAD_PARAMS, Peer, accepted, station

from evse.door.providers import VEHICLE
from evse.door.roles import NAMESPACES, Role
from evse.types.evse_manager import CarManufacturer
from evse.types.interface_model import Command
from evse.types.interfaces import EVSE_MANAGER, INTERFACES, ISO15118_EXTENSIONS
from evse.types.seed.table import SHAPES
from hil.docs.interface_types import fields
from hil.sim.simulation import Simulation

VARIABLES = {v.name: v.type for v in EVSE_MANAGER.variables}
COMMANDS = {c.name: c for c in EVSE_MANAGER.commands}
ASKS = {
    "exi_request": "gJgC",
    "iso15118_schema_version": "urn:iso:15118:2:2013:MsgDef",
    "certificate_action": "Install",
}


def charging() -> tuple[Simulation, Peer]:
    """A station that charges a car of which a provider has told everything."""
    sim = station()
    assert sim.station is not None
    admin, stack = Peer(sim.station.hub), Peer(sim.station.hub, Role.PROVIDER)
    stack.result("provide", {"namespace": VEHICLE})
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(3_000)
    admin.result("evse_manager.authorize_response", accepted())
    sim.run_for(20_000)
    for variable, value in [
        ("iso15118_extensions.iso15118_certificate_request", ASKS),
        ("evse_manager.ev_info", {"soc": 40}),
        ("evse_manager.car_manufacturer", CarManufacturer.Tesla.value),
    ]:
        stack.result("publish", {"variable": variable, "value": value})
    return sim, admin


@pytest.fixture(scope="module")
def peer() -> Peer:
    return charging()[1]


@pytest.mark.parametrize("name", PAGES["interfaces"]["evse_manager"]["variables"])
def test_every_variable_of_evse_manager_is_told_in_its_type(peer: Peer, name: str) -> None:
    asked = {"variable": f"evse_manager.{name}", "evse": 1}
    value = peer.result("get", asked)
    read = msgspec.convert(value, VARIABLES[name])
    assert json_of(read) == value
    peer.result("subscribe", asked)


@pytest.mark.parametrize("name", PAGES["interfaces"]["evse_manager"]["commands"])
def test_every_command_of_evse_manager_answers_in_its_type(name: str) -> None:
    sim, peer = charging()
    command = COMMANDS[name]
    peer.call(f"evse_manager.{name}", arguments(command))
    sim.run_for(20_000)
    answer = peer.lines[-1]
    assert "result" in answer, answer
    if command.result is None:
        assert answer["result"] is None
    else:
        msgspec.convert(answer["result"], command.result)


@pytest.mark.parametrize("name", [v.name for v in ISO15118_EXTENSIONS.variables])
def test_every_variable_of_iso15118_extensions_goes_through(peer: Peer, name: str) -> None:
    types = {v.name: v.type for v in ISO15118_EXTENSIONS.variables}
    value = True if types[name] is bool else whole(types[name])
    stack = Peer(peer.hub, Role.PROVIDER)
    stack.result("provide", {"namespace": VEHICLE})
    watcher = Peer(peer.hub, Role.OBSERVER)
    variable = f"{VEHICLE}.{name}"
    watcher.result("subscribe", {"variable": variable})
    stack.result("publish", {"variable": variable, "value": value})
    assert watcher.notified(variable) == [{"value": value, "evse": 1}]


@pytest.mark.parametrize("namespace", [n for n in NAMESPACES if n.startswith("ocpp")])
def test_every_command_of_the_ocpp_pages_is_handed_on(namespace: str) -> None:
    sim = station()
    assert sim.station is not None
    link, caller = Peer(sim.station.hub, Role.OCPP), Peer(sim.station.hub, Role.TECHNICIAN)
    link.result("provide", {"namespace": namespace})
    for name in PAGES["interfaces"][namespace]["commands"]:
        assert caller.call(f"{namespace}.{name}", {}) is None, "it waits"
        assert link.lines[-1]["method"] == f"{namespace}.{name}"


# --- types ----------------------------------------------------------------------------------------


def arguments(command: Command) -> dict[str, Any]:
    return {argument.name: example(argument.type) for argument in command.arguments}


def example(type_: Any) -> Any:
    if type_ is int:
        return 1
    return True if type_ is bool else whole(type_)


ACCEPTED = [
    (f"{interface.name}.{command.name}", argument.name, argument.type)
    for interface in (EVSE_MANAGER, ISO15118_EXTENSIONS)
    for command in interface.commands
    for argument in command.arguments
]


@pytest.mark.parametrize(("method", "argument", "type_"), ACCEPTED)
def test_the_golden_json_of_an_argument_is_taken_in_both_generations(
    peer: Peer, method: str, argument: str, type_: Any
) -> None:
    (command,) = (c for i in INTERFACES for c in i.commands if f"{i.name}.{c.name}" == method)
    for shape in (type_, *(m for m, s in SHAPES.items() if s.seed is type_), *older(type_)):
        answer = peer.call(method, {**arguments(command), argument: example(shape)})
        assert answer is None or answer.get("error", {}).get("code") != BAD_PARAMS, answer


def older(type_: Any) -> list[type[Any]]:
    shapes = SHAPES.get(type_) if isinstance(type_, type) else None
    return [shapes.seed] if shapes is not None and shapes.accepted else []


@pytest.mark.parametrize(("method", "argument", "type_"), ACCEPTED)
def test_every_required_field_of_an_argument_is_missed_by_name(
    peer: Peer, method: str, argument: str, type_: Any
) -> None:
    if type_ in (int, bool):
        return
    (command,) = (c for i in INTERFACES for c in i.commands if f"{i.name}.{c.name}" == method)
    for field in fields(type_):
        if not field.required:
            continue
        value = {k: v for k, v in example(type_).items() if k != field.encode_name}
        code, _, named = peer.error(method, {**arguments(command), argument: value})
        assert (code, str(named).split(".")[0]) == (BAD_PARAMS, argument)
