"""The whole engine between a hostile back office, a careless core and a lossy link.

Invariants: nothing raises; every CALL with a readable id is answered exactly once; the bill holds
each transaction once, with the registers that the core told, whatever the order of things.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "ocpp_link"))

from ocpp_rig import Rig

from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.v16.actions import HANDLERS

WORDS = st.sampled_from(["", "A", "Accepted", "Inoperative", "TxProfile", "Absolute", "2026-01-01"])
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | WORDS | st.text()
FIELDS = st.sampled_from(
    ["connectorId", "idTag", "type", "key", "value", "transactionId", "duration", "id", "status"]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=8,
)
NUMBERS = st.integers(-2, 3) | st.integers()
PERIOD = st.fixed_dictionaries(
    {
        "startPeriod": st.integers(-1, 2**40),
        "limit": st.floats(allow_nan=False, allow_infinity=False),
    },
    optional={"numberPhases": NUMBERS},
)
TIMES = st.sampled_from(
    ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "", "soon"]
)
PROFILE = st.fixed_dictionaries(
    {
        "chargingProfileId": NUMBERS,
        "stackLevel": st.integers(-1, 11),
        "chargingProfilePurpose": st.sampled_from(
            ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
        ),
        "chargingProfileKind": st.sampled_from(["Absolute", "Recurring", "Relative"]),
        "chargingSchedule": st.fixed_dictionaries(
            {
                "chargingRateUnit": st.sampled_from(["A", "W"]),
                "chargingSchedulePeriod": st.lists(PERIOD, max_size=3),
            },
            optional={"duration": NUMBERS, "startSchedule": TIMES},
        ),
    },
    optional={
        "recurrencyKind": st.sampled_from(["Daily", "Weekly"]),
        "validFrom": TIMES,
        "validTo": TIMES,
        "transactionId": NUMBERS,
    },
)
PAYLOADS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "SetChargingProfile": st.fixed_dictionaries(
        {"connectorId": NUMBERS, "csChargingProfiles": PROFILE}
    ),
    "RemoteStartTransaction": st.fixed_dictionaries(
        {"idTag": st.text(max_size=22)},
        optional={"connectorId": NUMBERS, "chargingProfile": PROFILE},
    ),
    "RemoteStopTransaction": st.fixed_dictionaries({"transactionId": NUMBERS}),
    "ChangeAvailability": st.fixed_dictionaries(
        {"connectorId": NUMBERS, "type": st.sampled_from(["Operative", "Inoperative"])}
    ),
    "UnlockConnector": st.fixed_dictionaries({"connectorId": NUMBERS}),
    "GetCompositeSchedule": st.fixed_dictionaries({"connectorId": NUMBERS, "duration": NUMBERS}),
    "ChangeConfiguration": st.fixed_dictionaries(
        {
            "key": st.sampled_from(["HeartbeatInterval", "MeterValuesSampledData"]),
            "value": st.text(),
        }
    ),
    "TriggerMessage": st.fixed_dictionaries(
        {
            "requestedMessage": st.sampled_from(["BootNotification", "MeterValues", "Heartbeat"]),
        },
        optional={"connectorId": NUMBERS},
    ),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, Any]:
    action = draw(st.sampled_from(sorted(HANDLERS)))
    valid = PAYLOADS.get(action)
    if valid is not None and draw(st.integers(0, 3)):
        return action, draw(valid)
    return action, draw(VALUES)


@given(st.lists(calls(), max_size=12), st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_call_of_a_hostile_back_office_is_answered_once(
    asked: list[tuple[str, Any]], charging: bool
) -> None:
    rig = Rig(evses=2).start()
    if charging:
        rig.plug_in()
        rig.start_transaction()
    for number, (action, payload) in enumerate(asked):
        rig.engine.on_frame(msgspec.json.encode([2, f"h-{number}", action, payload]).decode())
        answers = [frame for text in rig.engine.take_frames() if (frame := _answer(text))]
        assert [frame[1] for frame in answers] == [f"h-{number}"], (action, payload)
        rig.run(1)
    assert rig.brain.complaints == [], "we sent something that is not valid"


def _answer(text: str) -> list[Any] | None:
    frame: list[Any] = msgspec.json.decode(text)
    return frame if frame[0] != 2 else None


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["plug", "start", "stop", "unplug", "cut", "connect", "core", "restart"]),
        st.tuples(st.just("wait"), st.integers(1, 400)),
        st.tuples(
            st.just("misbehave"),
            st.sampled_from(["StartTransaction", "StopTransaction", "MeterValues"]),
            st.sampled_from([Misbehaviour.DROP, Misbehaviour.DROP_AFTER, Misbehaviour.NO_ANSWER]),
        ),
    ),
    max_size=40,
)


class Story:
    """A station's life, step by step, with what the bill must say at its end."""

    def __init__(self, latency_ms: int) -> None:
        self._options = {"latency_ms": latency_ms, "settings": Settings(message_attempts=1_000)}
        self.rig = Rig(**self._options).start()
        self.journal: list[tuple[str, str, dict[str, Any]]] = []
        self.expected_wh: list[int] = []
        self._uuid = 0
        self._phase = "idle"
        self._start_wh = 0.0

    def step(self, step: Any) -> None:
        rig, uuid = self.rig, f"s-{self._uuid}"
        match step, self._phase:
            case "plug", "idle":
                self._uuid += 1
                rig.plug_in(uuid=f"s-{self._uuid}")
                self._phase = "plugged"
            case "start", "plugged":
                self._start_wh = rig.wh
                rig.start_transaction(uuid=uuid)
                self._phase = "charging"
            case "stop", "charging":
                rig.wh += 10
                rig.stop_transaction(uuid=uuid)
                self.expected_wh.append(int(rig.wh) - int(self._start_wh))
                self._phase = "finished"
            case "unplug", ("plugged" | "finished"):
                rig.plug_out(uuid=uuid)
                self._phase = "idle"
            case "cut", _:
                rig.disconnect()
            case "connect", _ if not rig.engine.connected:
                rig.connect()
            case "core", _:
                rig.engine.on_core_lost()
                rig.engine.on_core_connected()
            case "restart", _:
                self.restart()
            case ("wait", seconds), _:
                rig.wh += seconds
                rig.meter()
                rig.run(seconds)
            case ("misbehave", action, how), _:
                rig.brain.misbehave(action, how)

    def restart(self) -> None:
        """The process ends when its disk is quiet, and comes back."""
        old = self.rig
        old.run(10)
        self.rig = Rig(
            database=old.database, brain=old.brain, clock=old.clock, **self._options
        ).start()
        self.rig.wh, self.rig.seq = old.wh, old.seq

    def finish(self) -> None:
        for step in ("stop", "unplug"):
            self.step(step)
        self.rig.brain.misbehaviour.clear()
        for _ in range(3):
            if not self.rig.engine.connected:
                self.rig.connect()
            self.rig.run(100_000)


@given(STEPS, st.sampled_from([0, 0, 2_000]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_bill_is_whole_whatever_happens_to_link_core_and_process(
    steps: list[Any], latency_ms: int
) -> None:
    story = Story(latency_ms)
    for step in steps:
        story.step(step)
    story.finish()
    brain = story.rig.brain
    assert brain.complaints == []
    assert [line.energy_wh for line in brain.bill_lines()] == story.expected_wh
    assert len(story.rig.engine.transactions.queue) == 0
