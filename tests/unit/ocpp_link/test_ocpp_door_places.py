"""Variables at the door: each has one name there, and is found again by it."""

from __future__ import annotations

import re

from door_rig import DoorRig, json_of

from evse.types.ocpp_variables import Component, ComponentVariable, Variable
from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel
from ocpp_link.door.places import find, keyed, label, shown
from ocpp_link.pricing.config import PricingConfig


def model() -> DeviceModel:
    return DoorRig(evses=2, pricing=PricingConfig(("en",))).engine.model


def a_row(known: DeviceModel, component: str, variable: str, **more: int) -> Row:
    (row,) = (
        row
        for row in known.rows
        if (row.component, row.variable) == (component, variable)
        and all(getattr(row, name) == value for name, value in more.items())
    )
    return row


def test_every_variable_is_found_by_the_name_that_it_is_told_under() -> None:
    known = model()
    for row in known.rows:
        if known.find(row.component, row.variable, row.instance, row.evse, row.connector):
            assert find(known, shown(row)) is row, label(row)
            assert find(known, keyed(row)) is row, label(row)


def test_every_label_is_of_one_variable_and_says_which() -> None:
    known = model()
    labels = [label(row) for row in known.rows]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch(r"\w+(#\d(\.\d)?)?\.\w+(\[[\w-]+\])?", text) for text in labels)
    assert label(a_row(known, "OCPPCommCtrlr", "HeartbeatInterval")) == (
        "OCPPCommCtrlr.HeartbeatInterval"
    )
    assert "EVSE#2.Power" in labels
    assert "Connector#1.1.Problem" in labels
    assert "TariffCostCtrlr.DefaultPriceText[en]" in labels


def test_a_variable_is_named_as_2_0_1_does_and_by_its_key_where_it_has_one() -> None:
    known = model()
    connector = a_row(known, "Connector", "Problem", evse=2)
    place = {"name": "Connector", "evse": {"id": 2, "connector_id": 1}}
    assert json_of(shown(connector)) == {"component": place, "variable": {"name": "Problem"}}
    assert keyed(connector) == shown(connector)
    power = a_row(known, "EVSE", "Power", evse=1)
    assert json_of(shown(power))["component"] == {"name": "EVSE", "evse": {"id": 1}}
    attempts = a_row(known, "OCPPCommCtrlr", "MessageAttempts")
    assert json_of(shown(attempts))["variable"] == {
        "name": "MessageAttempts",
        "instance": "TransactionEvent",
    }
    assert json_of(keyed(attempts)) == {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "TransactionMessageAttempts"},
    }


def wanted(name: str, component: str) -> ComponentVariable:
    return ComponentVariable(component=Component(name=component), variable=Variable(name=name))


def test_a_key_is_found_under_no_component_and_under_one_that_is_not_here() -> None:
    known = model()
    row = known.key("HeartbeatInterval")
    assert row is not None
    for component in ("", "no such component"):
        assert find(known, wanted("heartbeatinterval", component)) is row
    assert find(known, wanted("HeartbeatInterval", "EVSE")) is None, "that component has none"
    assert find(known, wanted("Nope", "")) is None
