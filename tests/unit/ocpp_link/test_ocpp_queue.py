"""OCPP 1.6 §3.7 and spec ocpp §1.3: what becomes of a queue that grows, fails and stalls."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp_rig import Rig

from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.memory.queue import WINDOW

RELATED = ("StartTransaction", "MeterValues", "StopTransaction")


def small(max_waiting: int) -> Database:
    """A disk that holds few records."""
    database = Database(":memory:")
    database.max_waiting = max_waiting
    return database


def ends(rig: Rig) -> list[str]:
    return [action for action, _ in rig.brain.log if action in RELATED and action != "MeterValues"]


def test_1_3_under_pressure_every_second_sample_goes_but_no_start_and_no_stop() -> None:
    rig = Rig(database=small(300), settings=Settings(sample_interval_s=10)).start()
    rig.disconnect()
    for number in range(30):
        rig.session(f"s-{number}", seconds=300)
    queue = rig.engine.transactions.queue
    assert queue.thinned > 200
    assert len(queue) < 400
    rig.connect()
    rig.run(1)
    assert len(queue) == 0
    assert ends(rig) == ["StartTransaction", "StopTransaction"] * 30
    assert rig.brain.complaints == []


@settings(max_examples=15, deadline=None)
@given(
    st.integers(80, 200),
    st.lists(st.sampled_from(["session", "connect", "disconnect", "restart"]), max_size=25),
)
def test_thinning_out_never_miscounts(max_waiting: int, acts: list[str]) -> None:
    """What is told to wait is what waits, so that a queue neither sticks nor spins."""
    rig = Rig(database=small(max_waiting), settings=Settings(sample_interval_s=10))
    rig.start()
    rig.disconnect()
    for number, act in enumerate(acts):
        if act == "session":
            rig.session(f"s-{number}", seconds=200)
        elif act == "connect" and not rig.engine.connected:
            rig.connect()
        elif act == "disconnect" and rig.engine.connected:
            rig.disconnect()
        elif act == "restart":
            seq, wh = rig.seq, rig.wh
            rig = Rig(
                database=rig.database,
                brain=rig.brain,
                clock=rig.clock,
                settings=Settings(sample_interval_s=10),
            )
            rig.seq, rig.wh = seq, wh
            rig.engine.on_core_connected()
        waiting = rig.database.connection.execute("SELECT count(*) FROM record WHERE done = 0")
        assert len(rig.engine.transactions.queue) == waiting.fetchone()[0]
    if not rig.engine.connected:
        rig.connect()
    rig.run(1)
    assert len(rig.engine.transactions.queue) == 0
    assert ends(rig) == ["StartTransaction", "StopTransaction"] * acts.count("session")


def test_pitfall_11_what_fails_for_ever_blocks_nothing_for_ever(rig: Rig) -> None:
    """Each attempt waits longer, then the message is given up and the next one goes."""
    rig.brain.misbehave("StopTransaction", *[Misbehaviour.CALLERROR] * 3)
    rig.session("s-1", seconds=10)
    rig.session("s-2", seconds=10)
    assert ends(rig) == ["StartTransaction"]
    rig.run(60 + 120)
    assert ends(rig) == ["StartTransaction", "StartTransaction", "StopTransaction"]
    assert len(rig.brain.sent("BootNotification")) == 1, "and it is no reason to boot again"
    assert rig.engine.transactions.queue.dropped == 1


def test_pitfall_23_the_last_samples_go_before_the_stop(rig: Rig) -> None:
    rig.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "10"})
    rig.brain.misbehave("MeterValues", Misbehaviour.CALLERROR)
    rig.session(seconds=31)
    rig.run(60)
    told = [action for action, _ in rig.brain.log if action in RELATED]
    assert told == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]


@pytest.mark.parametrize("action", RELATED)
def test_pitfall_26_a_connection_lost_in_mid_call_leaves_nothing_stuck(
    action: str, rig: Rig
) -> None:
    rig.brain.misbehave(action, Misbehaviour.NO_ANSWER)
    rig.session(seconds=70)
    rig.disconnect()
    rig.connect()
    rig.run(60)
    assert ends(rig) == ["StartTransaction", "StopTransaction"]
    assert len(rig.engine.transactions.queue) == 0


def test_memory_holds_a_window_of_the_queue_and_no_more(rig: Rig) -> None:
    rig.disconnect()
    for number in range(60):
        rig.session(f"s-{number}", seconds=130)
    queue = rig.engine.transactions.queue
    assert len(queue) > 4 * WINDOW
    assert len(queue._window) <= WINDOW
