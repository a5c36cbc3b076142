"""A back office that sends whatever the schemas allow, and then whatever they do not.

Whatever comes: nothing raises, each CALL is answered once, the answer is what the version's own
schema allows, memory is bounded, and the session that runs meanwhile is billed.
"""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "ocpp_link"))

from ocpp_rig import Rig
from schema_payloads import actions, payloads

from evse.clock import VirtualClock
from hil.csms.brain import CsmsBrain
from hil.csms.brain201 import Brain201
from ocpp_link.device.settings import Settings
from ocpp_link.rpc.rpc import MAX_INCOMING
from ocpp_link.rpc.schemas import Schemas
from ocpp_link.v16.actions import HANDLERS as HANDLERS_16
from ocpp_link.v201.actions import HANDLERS as HANDLERS_201

STRICT = {"v16": Schemas("v16", strict=True), "v201": Schemas("v201", strict=True)}
HANDLED = {"v16": HANDLERS_16, "v201": HANDLERS_201}
PROTOCOL = {"v16": "1.6", "v201": "2.0.1"}


def station(version: str, *, evses: int = 2) -> Rig:
    """With a car that charges at EVSE 1."""
    clock = VirtualClock()
    brain: Any = CsmsBrain(clock) if version == "v16" else Brain201(clock)
    # A command of the core that is never answered would only wait for its time.
    rig = Rig(
        brain=brain,
        clock=clock,
        evses=evses,
        versions=(PROTOCOL[version],),
        settings=Settings(message_attempts=1_000),
    )
    rig.start()
    rig.plug_in()
    rig.start_transaction()
    return rig


def answers(rig: Rig) -> list[list[Any]]:
    """What the station answered; its own CALLs are processed."""
    found = []
    while frames := rig.engine.take_frames():
        for text in frames:
            frame = msgspec.json.decode(text)
            if frame[0] == 2:
                for reply in rig.csms.receive(text):
                    rig.engine.on_frame(reply)
            else:
                found.append(frame)
    return found


@st.composite
def allowed_calls(draw: st.DrawFn, version: str) -> tuple[str, Any]:
    action = draw(st.sampled_from(sorted(HANDLED[version])))
    return action, draw(payloads(version, action))


@pytest.mark.parametrize("version", ["v16", "v201"])
@given(data=st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_whatever_the_schema_allows_is_answered_once_and_as_the_schema_wants_it(
    version: str, data: st.DataObject
) -> None:
    rig = station(version)
    for number in range(data.draw(st.integers(1, 4))):
        action, payload = data.draw(allowed_calls(version))
        rig.engine.on_frame(msgspec.json.encode([2, f"h-{number}", action, payload]).decode())
        found = answers(rig)
        if not found:  # it waits for something that takes its time
            rig.run(30)
            found = answers(rig)
        assert [frame[1] for frame in found] == [f"h-{number}"], (action, payload, found)
        if found[0][0] == 3:
            STRICT[version].response(action, found[0][2])
    assert rig.brain.complaints == []


@pytest.mark.parametrize("version", ["v16", "v201"])
def test_every_action_of_the_version_is_known_and_none_is_left_without_an_answer(
    version: str,
) -> None:
    """§4.3: NotImplemented is for what the version does not have, NotSupported for what the
    station does not do."""
    rig = station(version)
    for number, action in enumerate([*actions(version), "Nonsense"]):
        rig.engine.on_frame(msgspec.json.encode([2, f"n-{number}", action, {}]).decode())
        found = answers(rig)
        assert [frame[1] for frame in found] == [f"n-{number}"], action
        if action == "Nonsense":
            assert found[0][2] == "NotImplemented"
        elif found[0][0] == 4:
            assert found[0][2] != "NotImplemented", action


@pytest.mark.parametrize("version", ["v16", "v201"])
def test_a_thousand_calls_a_second_neither_stop_the_bill_nor_fill_the_memory(version: str) -> None:
    rig = station(version)
    flood = [2, "flood", "ClearCache", {}]
    for number in range(200):  # whatever is compiled or cached when first used
        _flood(rig, flood, number)
    tracemalloc.start()
    for number in range(200, 3_200):
        _flood(rig, flood, number)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 300_000
    rig.charge(70)
    rig.stop_transaction()
    rig.plug_out()
    assert rig.brain.complaints == []
    assert len(rig.engine.transactions.queue) == 0


def _flood(rig: Rig, frame: list[Any], number: int) -> None:
    frame[1] = f"flood-{number}"
    rig.engine.on_frame(msgspec.json.encode(frame).decode())
    assert [answer[1] for answer in answers(rig)] == [frame[1]]
    if number % 1_000 == 0:
        rig.run(1)


@pytest.mark.parametrize("version", ["v16", "v201"])
def test_calls_that_a_busy_core_leaves_open_are_bounded_and_all_answered(version: str) -> None:
    rig = station(version)
    availability = {
        "v16": {"connectorId": 2, "type": "Inoperative"},
        "v201": {"evse": {"id": 2}, "operationalStatus": "Inoperative"},
    }
    rig.core.replies["evse_manager.disable"] = None  # it never answers
    asked = 4 * MAX_INCOMING
    for number in range(asked):
        call = [2, f"open-{number}", "ChangeAvailability", availability[version]]
        rig.engine.on_frame(msgspec.json.encode(call).decode())
    refused = answers(rig)
    assert len(refused) == asked - MAX_INCOMING
    rig.engine.poll()
    rig.clock.advance_to(rig.clock.now_ms() + 60_000)
    rig.engine.poll()
    late = answers(rig)
    assert len(late) == MAX_INCOMING
    assert {frame[2] for frame in late} == {"InternalError"}


@pytest.mark.parametrize("version", ["v16", "v201"])
@pytest.mark.parametrize(
    "text",
    [
        "[2," * 5_000,
        "[" * 100_000,
        '[2,"x","ClearCache",{"a":' + "[" * 20_000,
        '[2,"x","ClearCache",{"a":"' + "x" * 100_000 + '"}]',
        '[3,"nobody",{"status":"Accepted"}]',
        '[4,"nobody","InternalError","",{}]',
        '[2,"x",["ClearCache"],{}]',
        '[2,"x","ClearCache",[]]',
        "\x00",
        '"\\ud800"',
    ],
)
def test_a_frame_that_is_none_costs_nothing(version: str, text: str) -> None:
    rig = station(version)
    rig.engine.on_frame(text)
    found = answers(rig)
    assert len(found) <= 1
    assert all(frame[0] == 4 and len(msgspec.json.encode(frame)) < 600 for frame in found)
    rig.charge(70)
    rig.stop_transaction()
    rig.plug_out()
    assert rig.brain.complaints == []
