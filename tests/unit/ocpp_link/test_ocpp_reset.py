"""OCPP 1.6 §5.14: what a reset ends, tells and keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from ocpp_rig import Rig

from evse.types.session import StopTransactionReason
from hil.csms.brain import Misbehaviour
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.ports import BootReason, CoreReply, RestartKind
from ocpp_link.reset import FORCED_MS, GRACEFUL_MS, ResetAnswer, ResetMode

ACCEPTED = ("result", {"status": "Accepted"})


def asked(rig: Rig, how: str) -> tuple[str, dict[str, object]]:
    return rig.ask("Reset", {"type": how})


@pytest.mark.parametrize(
    ("how", "kind"), [("Soft", RestartKind.APPLICATION), ("Hard", RestartKind.HARDWARE)]
)
def test_5_14_an_idle_station_answers_and_then_restarts(
    rig: Rig, how: str, kind: RestartKind
) -> None:
    """Pitfall 47: the answer has left before anything is done."""
    assert asked(rig, how) == ACCEPTED
    assert rig.system.restarts == []
    rig.run(1)
    assert rig.system.restarts == [kind]


@pytest.mark.parametrize(
    ("how", "reason"),
    [("Soft", StopTransactionReason.SoftReset), ("Hard", StopTransactionReason.HardReset)],
)
def test_5_14_a_transaction_is_ended_with_the_reset_for_its_reason(
    rig: Rig, how: str, reason: StopTransactionReason
) -> None:
    rig.plug_in()
    rig.start_transaction()
    asked(rig, how)
    rig.run(0.1)
    assert rig.core.called("stop_transaction") == [{"evse": 1, "request": {"reason": reason}}]
    assert rig.system.restarts == []
    rig.stop_transaction(reason=reason)
    rig.run(1)
    assert len(rig.system.restarts) == 1
    assert rig.brain.sent("StopTransaction")[0]["reason"] == reason
    assert rig.brain.sent("StatusNotification")[-1]["status"] == "Finishing"


def test_5_14_a_soft_reset_waits_until_the_end_is_delivered_but_not_for_ever(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.brain.misbehave("StopTransaction", *[Misbehaviour.NO_ANSWER] * 9)
    asked(rig, "Soft")
    rig.run(0.1)
    rig.stop_transaction(reason="SoftReset")
    rig.run(GRACEFUL_MS / 1_000 - 1)
    assert rig.system.restarts == []
    rig.run(2)
    assert rig.system.restarts == [RestartKind.APPLICATION]
    assert len(rig.engine.transactions.queue) > 0, "what is not delivered waits on the disk"


def test_5_14_a_hard_reset_does_not_wait_for_a_core_that_hangs(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.core.replies["evse_manager.stop_transaction"] = None
    asked(rig, "Hard")
    rig.run(FORCED_MS / 1_000)
    assert rig.system.restarts == []
    rig.run(1)
    assert rig.system.restarts == [RestartKind.HARDWARE]


@pytest.mark.parametrize("found", ["Reboot", "PowerLoss"])
def test_5_14_the_reason_survives_the_restart(tmp_path: Path, found: str) -> None:
    """TC_015: the stop may come after the boot; its reason is still the reset."""
    rig = Rig(database=Database(tmp_path / "link.db")).start()
    rig.plug_in()
    rig.start_transaction()
    rig.core.replies["evse_manager.stop_transaction"] = CoreReply(error="away")
    asked(rig, "Hard")
    rig.run(FORCED_MS / 1_000 + 1)
    rig.database.close()
    again = Rig(database=Database(tmp_path / "link.db"), brain=rig.brain, clock=rig.clock).start()
    again.seq = rig.seq
    finished = {"meter_value": again.meter(), "reason": found}
    again.event("TransactionFinished", transaction_finished=finished)
    assert again.brain.sent("StopTransaction")[0]["reason"] == "HardReset"
    assert again.database.load().items.get("reset_end", {}) == {}


def test_5_14_the_driver_who_was_quicker_than_the_reset_keeps_his_reason(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    asked(rig, "Soft")
    rig.run(0.1)
    rig.stop_transaction(reason="EVDisconnected")
    assert rig.brain.sent("StopTransaction")[0]["reason"] == "EVDisconnected"


def test_why_it_restarted_is_told_at_the_next_registration_and_only_then(tmp_path: Path) -> None:
    """2.0.1 B11.FR.01 names the reason; 1.6 has no word for it."""
    rig = Rig(database=Database(tmp_path / "link.db"), versions=("2.0.1",)).start()
    rig.engine.reset.ask(ResetMode.GRACEFUL)
    rig.run(2)
    rig.database.close()

    def reasons(boot_id: str) -> list[str]:
        found = []
        again = Rig(database=Database(tmp_path / "link.db"), versions=("2.0.1",), boot_id=boot_id)
        again.engine.on_core_connected()
        again.engine.on_connected()
        for frame in again.engine.take_frames():
            if "BootNotification" in frame:
                found.append(frame)
                again.engine.on_frame(
                    f'[3,"{frame.split(chr(34))[1]}",{{"status":"Accepted","interval":300,'
                    f'"currentTime":"2026-01-01T00:00:02Z"}}]'
                )
        again.database.close()
        return found

    assert BootReason.REMOTE_RESET.value in reasons("boot 2")[0]
    assert BootReason.APPLICATION_RESET.value in reasons("boot 2")[0]
    assert BootReason.POWER_UP.value in reasons("boot 3")[0]


def test_9_1_22_a_restart_that_does_not_come_is_tried_again_and_then_told() -> None:
    rig = Rig(settings=Settings(reset_retries=2)).start()
    asked(rig, "Soft")
    rig.run(600)
    assert rig.system.restarts == [RestartKind.APPLICATION] * 3
    last = rig.brain.sent("StatusNotification")[-1]
    assert (last["connectorId"], last["errorCode"]) == (0, "ResetFailure")
    assert last["status"] == "Available"
    assert not rig.engine.reset.under_way


def test_9_1_22_a_restart_that_is_refused_is_told(rig: Rig) -> None:
    rig.system.refuses = "the supervisor is gone"
    asked(rig, "Soft")
    rig.run(600)
    assert len(rig.system.restarts) == 2
    assert rig.brain.sent("StatusNotification")[-1]["errorCode"] == "ResetFailure"
    assert rig.database.load().items.get("boot", {}) == {}


def test_a_reset_that_is_asked_for_twice_restarts_once(rig: Rig) -> None:
    assert asked(rig, "Soft") == asked(rig, "Soft") == ACCEPTED
    rig.run(10)
    assert len(rig.system.restarts) == 1


def test_a_hard_reset_takes_over_from_a_soft_one_that_hangs(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    rig.core.replies["evse_manager.stop_transaction"] = None
    asked(rig, "Soft")
    rig.run(5)
    asked(rig, "Hard")
    rig.run(FORCED_MS / 1_000 + 1)
    assert rig.system.restarts == [RestartKind.HARDWARE]


def test_b12_when_idle_lets_the_transaction_end_by_itself(rig: Rig) -> None:
    rig.plug_in()
    rig.start_transaction()
    assert rig.engine.reset.ask(ResetMode.WHEN_IDLE) is ResetAnswer.SCHEDULED
    rig.run(7_200)
    assert rig.core.called("stop_transaction") == []
    assert rig.system.restarts == []
    rig.stop_transaction()
    rig.run(2)
    assert rig.system.restarts == [RestartKind.APPLICATION]


def test_whoever_waits_for_it_hears_of_the_reset(rig: Rig) -> None:
    heard = list[str]()
    rig.engine.station.occasions.resetting.append(heard.append)
    asked(rig, "Soft")
    rig.run(1)
    assert heard == ["RemoteReset"]


def test_5_14_a_transaction_that_begins_while_the_others_end_ends_too() -> None:
    rig = Rig(evses=2).start()
    rig.plug_in(1, "s-1")
    rig.start_transaction(1, "s-1")
    asked(rig, "Soft")
    rig.run(0.1)
    rig.plug_in(2, "s-2")
    rig.start_transaction(2, "s-2")
    rig.run(0.5)
    assert [params["evse"] for params in rig.core.called("stop_transaction")] == [1, 2]


def test_a_failure_is_taken_back_by_the_next_reset(rig: Rig) -> None:
    rig.system.refuses = "not now"
    asked(rig, "Soft")
    rig.run(600)
    assert rig.brain.sent("StatusNotification")[-1]["errorCode"] == "ResetFailure"
    asked(rig, "Soft")
    rig.run(0.1)
    assert rig.brain.sent("StatusNotification")[-1]["errorCode"] == "NoError"
