"""OCPP 1.6 §5.2: what the back office puts out of operation."""

from __future__ import annotations

from pathlib import Path

import pytest
from ocpp_rig import Rig

from ocpp_link.memory.database import Database
from ocpp_link.ports import CoreReply

OUT = {"connectorId": 1, "type": "Inoperative"}
IN = {"connectorId": 1, "type": "Operative"}
ALL_OUT = {"connectorId": 0, "type": "Inoperative"}


def ask(rig: Rig, change: dict[str, object]) -> str:
    status, payload = rig.ask("ChangeAvailability", change)
    assert status == "result"
    return str(payload["status"])


def test_5_2_trap_5_it_is_on_the_disk_before_it_is_answered() -> None:
    """TC_013, TC_014, TC_034 cut the power right behind the answer."""
    rig = Rig(latency_ms=500).start()
    rig.run(1)
    rig.engine.on_frame(rig.csms.call("ChangeAvailability", OUT))
    rig.flush()
    assert rig.csms.replies == []
    assert rig.core.called("disable") == []
    rig.run(0.5)
    assert rig.csms.replies == [("result", {"status": "Accepted"})]
    assert rig.database.load().items["availability"] == {"1": b"false"}


@pytest.mark.parametrize("change", [OUT, ALL_OUT])
def test_5_2_persists_over_a_restart(tmp_path: Path, change: dict[str, object]) -> None:
    rig = Rig(evses=2, database=Database(tmp_path / "link.db")).start()
    ask(rig, change)
    rig.database.close()
    again = Rig(evses=2, database=Database(tmp_path / "link.db")).start()
    disabled = [params["evse"] for params in again.core.called("disable")]
    assert disabled == ([1] if change is OUT else [1, 2])
    assert again.brain.statuses[0] == ("Available" if change is OUT else "Unavailable")


def test_pitfall_38_the_same_wish_again_is_accepted_and_written_once(rig: Rig) -> None:
    writes = list[object]()
    submit = rig.store.submit
    rig.store.submit = lambda work, done=None: (writes.append(work), submit(work, done))  # type: ignore[method-assign,assignment,misc] # counts
    assert [ask(rig, {"connectorId": 0, "type": "Operative"}) for _ in range(3)] == ["Accepted"] * 3
    assert writes == []
    assert [ask(rig, ALL_OUT) for _ in range(3)] == ["Accepted"] * 3
    assert len(writes) == 1
    told = [s["status"] for s in rig.brain.sent("StatusNotification") if s["connectorId"] == 0]
    assert told == ["Available", "Unavailable"]


def test_5_2_the_station_is_unavailable_once_its_last_transaction_has_ended() -> None:
    rig = Rig(evses=2).start()
    rig.plug_in(1)
    rig.start_transaction(1)
    assert ask(rig, ALL_OUT) == "Scheduled"
    assert rig.brain.statuses[0] == "Available"
    assert [params["evse"] for params in rig.core.called("disable")] == [2]
    rig.stop_transaction(1)
    assert rig.brain.statuses[0] == "Unavailable"
    assert [params["evse"] for params in rig.core.called("disable")] == [2, 1]


def test_5_2_a_refusal_is_taken_back_everywhere(rig: Rig) -> None:
    rig.core.replies["evse_manager.disable"] = CoreReply(error="the core is away")
    assert ask(rig, OUT) == "Rejected"
    assert rig.database.load().items["availability"] == {"1": b"true"}
    rig.core.replies.clear()
    rig.plug_in()
    rig.start_transaction()
    rig.stop_transaction()
    assert len(rig.core.called("disable")) == 1


def test_5_2_a_fault_does_not_refuse_what_is_to_be_in_operation(rig: Rig) -> None:
    """The core keeps the wish, and says that the EVSE is not enabled yet."""
    rig.core.replies["evse_manager.enable"] = CoreReply(result=False)
    ask(rig, OUT)
    assert ask(rig, IN) == "Accepted"
