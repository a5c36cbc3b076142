"""Security events: OCPP 1.6 security whitepaper A04, §5.15, §8. TC_077_CS, TC_078_CS, TC_079_CS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest
from security_rig import NOW, PLAIN_KEY, Secured, secured

from evse.clock import rfc3339
from hil.csms.brain import Misbehaviour
from ocpp_link.memory.database import Database
from ocpp_link.security.events import CRITICAL, EventType, SecurityEvent
from ocpp_link.security.notifier import MAX_WAITING, REPEAT_MS, REPEATS, RETRY_MS
from ocpp_link.v16 import security
from ocpp_link.wire.rotated_file import parts

ACTION = "SecurityEventNotification"
TAMPER = EventType.TAMPER


def told(rig: Secured) -> list[tuple[str, str]]:
    """What the back office has acknowledged, in its order."""
    return [(p["type"], p.get("techInfo", "")) for p in rig.brain.sent(ACTION)]


def logged(rig: Secured) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in rig.log().splitlines() if line]


def event(rig: Secured, type_: EventType = TAMPER, info: str = "") -> None:
    rig.engine.station.security.event(type_, info)
    rig.flush()


def bad_certificate() -> ConnectionError:
    error = ConnectionError("wrapped")
    inner = ssl.SSLCertVerificationError(1, "no")
    inner.verify_message = "self-signed certificate"
    error.__cause__ = inner
    return error


def test_a04_fr_01_a_critical_event_is_told_at_once(tmp_path: Path) -> None:
    """Whitepaper A04.FR.01, §5.15; and StartupOfTheDevice behind the first registration."""
    rig = secured(tmp_path)
    assert told(rig) == [("StartupOfTheDevice", "")]
    assert rig.brain.log[0][0] == "BootNotification"

    event(rig, info="the lid")
    assert rig.brain.sent(ACTION)[-1] == {
        "type": "TamperDetectionActivated",
        "timestamp": rfc3339(NOW),
        "techInfo": "the lid",
    }


def test_a04_fr_02_events_of_an_outage_arrive_in_order_and_once(tmp_path: Path) -> None:
    """Whitepaper A04.FR.02; TC_078_CS: with the time at which they happened, over a start."""
    rig = secured(tmp_path)
    rig.disconnect()
    event(rig, info="first")
    rig.access.failed(bad_certificate())
    rig.run(3_600)
    event(rig, info="last")

    rig = rig.again()
    assert len(rig.engine.security.events) == 4  # its own start, too
    rig.start()
    assert told(rig) == [
        ("TamperDetectionActivated", "first"),
        ("InvalidCentralSystemCertificate", "self-signed certificate"),
        ("TamperDetectionActivated", "last"),
        ("StartupOfTheDevice", ""),
    ]
    assert rig.brain.sent(ACTION)[0]["timestamp"] == rfc3339(NOW)
    assert len(rig.again().start().engine.security.events) == 0


@pytest.mark.parametrize("how", [Misbehaviour.DROP, Misbehaviour.DROP_AFTER])
def test_a04_fr_02_an_event_without_an_answer_is_told_again(
    tmp_path: Path, how: Misbehaviour
) -> None:
    """Whitepaper A04.FR.02: guaranteed, at least once; what was waiting goes behind it."""
    rig = secured(tmp_path)
    rig.brain.misbehave(ACTION, how)
    event(rig, info="one")
    event(rig, info="two")
    rig.connect()
    assert [info for _, info in told(rig)][-2:] == ["one", "two"]


def test_a04_fr_02_a_slow_answer_is_waited_for(tmp_path: Path) -> None:
    """Whitepaper A04.FR.02: a timeout is no reason to give an event up."""
    rig = secured(tmp_path)
    rig.brain.misbehave(ACTION, *[Misbehaviour.NO_ANSWER] * 5)
    event(rig)
    rig.run(6 * (RETRY_MS + 30_000) / 1_000)
    assert told(rig)[-1][0] == "TamperDetectionActivated"


def test_pitfall_11_a_refused_event_holds_up_no_other_one(tmp_path: Path) -> None:
    """Pitfall 11, for events: three CALLERRORs and the next one has its turn."""
    rig = secured(tmp_path)
    rig.brain.misbehave(ACTION, *[Misbehaviour.CALLERROR] * 3)
    event(rig, info="one")
    event(rig, info="two")
    rig.run(4 * RETRY_MS / 1_000)
    assert told(rig)[1:] == [("TamperDetectionActivated", "two")]
    assert rig.engine.security.events.given_up == 1


def test_a_back_office_before_the_whitepaper_is_not_pestered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NotSupported and NotImplemented: it does not know the message, and nothing waits."""
    rig = Secured(tmp_path)
    handlers = rig.brain._handlers()
    del handlers[ACTION]
    monkeypatch.setattr(rig.brain, "_handlers", lambda: handlers)
    rig.start()
    rig.run(86_400)
    assert len([frame for frame in rig.sent if ACTION in frame]) == 1


def test_a04_fr_04_every_event_is_logged(tmp_path: Path) -> None:
    """Whitepaper A04.FR.04, N01.FR.05: those that nobody is told of, too."""
    rig = secured(tmp_path)
    event(rig, EventType.RECONFIGURATION, "something")
    assert [line["type"] for line in logged(rig)] == [
        "StartupOfTheDevice",
        "ReconfigurationOfSecurityParameters",
    ]
    assert logged(rig)[1] == {
        "type": "ReconfigurationOfSecurityParameters",
        "timestamp": rfc3339(NOW),
        "info": "something",
    }
    assert len(told(rig)) == 1


def test_a04_the_log_is_bounded(tmp_path: Path) -> None:
    """Whitepaper A04.FR.04, note: a rolling log."""
    rig = secured(tmp_path)
    for number in range(9_000):
        rig.engine.station.security.event(EventType.RECONFIGURATION, f"{number} {'x' * 200}")
    files = parts(tmp_path / "security.log")
    assert len(files) == 4
    assert sum(file.stat().st_size for file in files) <= 4 * 256 * 1024
    assert "8999" in rig.log()


def test_8_a_cleared_log_says_so(tmp_path: Path) -> None:
    """Whitepaper §8: a log that is gone at a start was cleared, by whomever."""
    rig = secured(tmp_path)
    rig = rig.again()
    assert [line["type"] for line in logged(rig)] == ["StartupOfTheDevice"] * 2
    (tmp_path / "security.log").unlink()
    rig = rig.again()
    rig.start()
    names = ["SecurityLogWasCleared", "StartupOfTheDevice"]
    assert [line["type"] for line in logged(rig)] == names
    assert [name for name, _ in told(rig)][-2:] == names


def test_events_can_be_kept_from_the_back_office(tmp_path: Path) -> None:
    """DisableSecurityEventNotifications: logged, and never queued."""
    rig = secured(tmp_path)
    assert rig.write("DisableSecurityEventNotifications", "true") == "Accepted"
    event(rig)
    rig.write("DisableSecurityEventNotifications", "false")
    assert len(told(rig)) == 1
    assert logged(rig)[-1]["type"] == "TamperDetectionActivated"


def test_which_events_are_told_can_be_configured(tmp_path: Path) -> None:
    rig = secured(tmp_path, told=frozenset(EventType))
    event(rig, EventType.RECONFIGURATION)
    assert told(rig)[-1][0] == "ReconfigurationOfSecurityParameters"


def test_8_the_critical_ones_are_those_of_the_list() -> None:
    """Whitepaper §8."""
    assert {security.security_event(SecurityEvent(t, "")).payload["type"] for t in CRITICAL} == {
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
    }


def test_8_the_names_are_the_standards() -> None:
    """Whitepaper §8: with its spelling of the two that speak of authentication."""
    names = {security.security_event(SecurityEvent(t, "")).payload["type"] for t in EventType}
    assert names >= {
        "FailedToAuthenticationAtCentralSystem",
        "CentralSystemFailedToAuthentication",
        "InvalidCentralSystemCertificate",
        "InvalidChargePointCertificate",
        "InvalidFirmwareSigningCertificate",
        "AttemptedReplayAttacks",
        "InvalidMessages",
    }
    assert all(len(name) <= 50 for name in names)


def test_8_real_occasions_raise_their_events(tmp_path: Path) -> None:
    """Whitepaper §8: SettingSystemTime, ResetOrReboot, InvalidMessages and a refused key."""
    rig = secured(tmp_path, profile=1, key=PLAIN_KEY.encode())
    station = rig.engine.station
    for hear in station.occasions.clock_set:
        hear(90_000)
    for hear in station.occasions.resetting:
        hear("Hard")
    rig.engine.on_frame("[2,")
    rig.flush()
    assert told(rig)[1:] == [("SettingSystemTime", "by +90.0 s"), ("ResetOrReboot", "Hard")]
    assert logged(rig)[-1]["type"] == "InvalidMessages"


def test_8_a_full_disk_is_told_once(tmp_path: Path) -> None:
    """Whitepaper §8: MemoryExhaustion, each time that the core says so anew."""
    rig = secured(tmp_path)

    def faults(evse: int, *uuids: str) -> None:
        rig.engine.on_faults(
            evse,
            [
                {
                    "type": "evse_board_support/VendorWarning",
                    "sub_type": "JournalNotWritten",
                    "uuid": uuid,
                    "severity": "Low",
                    "message": "the disk takes no events",
                    "description": "",
                    "blocks": False,
                    "state": "Active",
                    "timestamp": rfc3339(NOW),
                }
                for uuid in uuids
            ],
        )
        rig.flush()

    for evse, *uuids in ((1, "a"), (1, "a"), (2, "x"), (1,), (2, "x"), (2,), (1, "b")):
        faults(evse, *uuids)
    assert told(rig)[1:] == [("MemoryExhaustion", "the disk takes no events")] * 2


def test_a00_fr_309_a_server_that_stays_wrong_is_told_once_an_hour(tmp_path: Path) -> None:
    """Whitepaper A00.FR.309: not at each attempt; and again after it had been right."""
    rig = secured(tmp_path)
    rig.disconnect()
    for _ in range(180):
        rig.access.failed(bad_certificate())
        rig.run(60)
    rig.connect()
    assert [name for name, _ in told(rig)].count("InvalidCentralSystemCertificate") == 3
    rig.disconnect()
    rig.access.failed(bad_certificate())
    rig.connect()
    assert [name for name, _ in told(rig)].count("InvalidCentralSystemCertificate") == 4


def test_a_peer_that_sends_rubbish_fills_neither_log_nor_queue(tmp_path: Path) -> None:
    """Bounded under a flood: said five times a minute, then with how often it happened."""
    rig = secured(tmp_path)
    for _ in range(1_000):
        rig.engine.on_frame("rubbish")
    assert [line["type"] for line in logged(rig)][1:] == ["InvalidMessages"] * REPEATS
    rig.run(REPEAT_MS / 1_000)
    rig.engine.on_frame("rubbish")
    assert "995 more" in logged(rig)[-1]["info"]


def test_a_clock_that_is_set_again_and_again_is_damped_whatever_it_is_set_by(
    tmp_path: Path,
) -> None:
    """The words are a measured difference: each of them a new one."""
    rig = secured(tmp_path)
    rig.disconnect()
    for by_ms in range(3_600_000, 3_600_100):
        for hear in rig.engine.station.occasions.clock_set:
            hear(by_ms)
    assert len(rig.engine.security.events) == REPEATS
    assert [line["type"] for line in logged(rig)][1:] == ["SettingSystemTime"] * REPEATS
    rig.run(REPEAT_MS / 1_000)
    event(rig, EventType.SETTING_SYSTEM_TIME, "by +1.0 s")
    assert logged(rig)[-1]["info"] == "by +1.0 s (before: 95 more)"


def test_the_queue_is_bounded_and_its_newest_stay(tmp_path: Path) -> None:
    rig = secured(tmp_path)
    rig.disconnect()
    for number in range(MAX_WAITING + 10):
        event(rig, info=str(number))
    rig = rig.again()
    rig.start()
    infos = [info for _, info in told(rig)]
    assert len(infos) == MAX_WAITING
    assert infos[-2:] == [str(MAX_WAITING + 9), ""]


def test_5_15_an_event_fits_into_its_message(tmp_path: Path) -> None:
    """Whitepaper §5.15: techInfo is at most 255 characters."""
    rig = secured(tmp_path)
    event(rig, info="x" * 1_000)
    assert len(told(rig)[-1][1]) == 255
    assert rig.brain.complaints == []


def test_an_event_that_can_not_be_read_is_passed_over(tmp_path: Path) -> None:
    """A newer release wrote it, or the disk lied."""
    database = Database(":memory:")
    database.put("security_event", "7", b'{"type": "Unheard"}')
    rig = Secured(tmp_path, database)
    rig.start()
    assert told(rig) == [("StartupOfTheDevice", "")]
