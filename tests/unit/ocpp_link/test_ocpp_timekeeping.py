"""Spec ocpp §0 (5): what the link makes of a wrong clock, and of the time that it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp_rig import FakeClock, Rig

from evse.clock import VirtualClock, parse_time, rfc3339
from hil.csms.brain import CsmsBrain
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.system import ProcessSystem
from ocpp_link.timekeeping import AT_ONCE_MS, CORRECT_EVERY_MS, THRESHOLD_MS, shifted

SAMPLED = ("Energy.Active.Import.Register",)
YEARS_S = 50 * 365 * 86_400.0


class TrueTime:
    """The time of day, whatever a station's clock shows."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def utc(self) -> datetime:
        return VirtualClock.utc(self._clock)


def behind(
    wrong_s: float,
    *,
    database: Database | None = None,
    boot_id: str = "boot 1",
    settings: Settings | None = None,
) -> Rig:
    """A station whose clock is so much behind that of its back office."""
    clock = FakeClock(-wrong_s)
    brain = CsmsBrain(TrueTime(clock))
    return Rig(clock=clock, brain=brain, database=database, boot_id=boot_id, settings=settings)


def times(rig: Rig, action: str) -> list[str]:
    return [payload["timestamp"] for payload in rig.brain.sent(action)]


def test_4_2_the_time_of_the_boot_answer_sets_the_clock() -> None:
    rig = behind(600).start()
    assert [rfc3339(t) for t in rig.system.set] == ["2026-01-01T00:00:00.000Z"]
    assert rig.engine.station.timestamp() == "2026-01-01T00:00:00.000Z"


def test_4_6_the_time_of_a_heartbeat_sets_the_clock() -> None:
    rig = behind(0).start()
    assert rig.system.set == []
    assert isinstance(rig.clock, FakeClock)
    rig.clock.wrong = parse_time("2026-01-01T01:00:00Z") - parse_time("2026-01-01T00:00:00Z")
    rig.ask("TriggerMessage", {"requestedMessage": "Heartbeat"})
    assert len(rig.system.set) == 1


def test_a_difference_that_the_network_may_have_made_sets_nothing() -> None:
    rig = behind(THRESHOLD_MS / 1_000).start()
    assert rig.system.set == []
    assert len(behind(THRESHOLD_MS / 1_000 + 0.001).start().system.set) == 1


def tell(rig: Rig, off_ms: int) -> None:
    """The back office tells a time that is so far from the station's."""
    now = rig.engine.station.clock.utc() + timedelta(milliseconds=off_ms)
    rig.engine.station.time.told(rfc3339(now), rig.clock.now_ms())


def test_a_back_office_whose_clocks_differ_moves_the_clock_once_a_minute() -> None:
    """Own: several machines behind one address, each with a time of its own."""
    rig, heard = behind(0).start(), list[int]()
    rig.engine.station.occasions.clock_set.append(heard.append)
    for number in range(200):
        tell(rig, -10_000 if number % 2 else 10_000)
        rig.run(0.1)
    assert heard == [10_000]
    rig.run(CORRECT_EVERY_MS / 1_000 - 20)
    tell(rig, -10_000)
    assert heard == [10_000, -10_000]


def test_a_great_difference_is_corrected_at_once_all_the_same() -> None:
    rig = behind(600).start()
    tell(rig, AT_ONCE_MS)
    assert len(rig.system.set) == 1
    tell(rig, AT_ONCE_MS + 1)
    assert len(rig.system.set) == 2


def test_whoever_waits_for_it_hears_that_the_clock_was_set() -> None:
    rig, heard = behind(600), list[int]()
    rig.engine.station.occasions.clock_set.append(heard.append)
    rig.start()
    assert heard == [600_000]


def test_a_time_that_can_not_be_sets_nothing() -> None:
    rig = behind(0).start()
    for told in ("yesterday", "1970-01-01T00:00:00Z", ""):
        rig.engine.station.time.told(told, rig.clock.now_ms())
    assert rig.system.set == []


def test_pitfall_7_no_status_leaves_with_a_time_of_1970() -> None:
    """A station without a battery for its clock, whose car is there before its network."""
    rig = behind(YEARS_S)
    rig.engine.on_core_connected()
    rig.plug_in()
    rig.run(60)
    rig.connect()
    assert times(rig, "StatusNotification")[-1] == "2026-01-01T00:00:00.000Z"
    assert rig.brain.sent("StatusNotification")[-1]["status"] == "Preparing"


def test_4_2_1_what_was_billed_under_a_wrong_clock_leaves_with_the_right_times() -> None:
    rig = behind(YEARS_S)
    rig.engine.on_core_connected()
    rig.run(100)
    rig.session(seconds=70)
    rig.run(100)
    rig.connect()
    assert times(rig, "StartTransaction") == ["2026-01-01T00:01:40.000Z"]
    assert times(rig, "StopTransaction") == ["2026-01-01T00:02:50.000Z"]
    sample = rig.brain.sent("MeterValues")[0]["meterValue"][0]
    assert sample["timestamp"].startswith("2026-01-01T00:02:")
    assert rig.brain.complaints == []


def test_a_restart_of_the_program_mends_what_it_noted_before(tmp_path: Path) -> None:
    """The computer's clock is wrong by the same until its next boot."""
    rig = behind(YEARS_S, database=Database(tmp_path / "link.db"))
    rig.session(seconds=70)
    rig.database.close()
    again = Rig(clock=rig.clock, brain=rig.brain, database=Database(tmp_path / "link.db")).start()
    assert times(again, "StartTransaction") == ["2026-01-01T00:00:00.000Z"]


def test_another_boot_s_clock_was_wrong_by_something_else(tmp_path: Path) -> None:
    rig = behind(YEARS_S, database=Database(tmp_path / "link.db"))
    rig.session(seconds=70)
    rig.database.close()
    again = behind(YEARS_S / 2, database=Database(tmp_path / "link.db"), boot_id="boot 2").start()
    assert times(again, "StartTransaction")[0].startswith("1976-")


def test_somebody_else_may_set_the_clock_before_the_back_office_does() -> None:
    """NTP is quicker: what came before is mended all the same, what came after is right."""
    rig = behind(YEARS_S)
    rig.engine.on_core_connected()
    rig.session("s-1", seconds=70)
    rig.run(30)
    assert isinstance(rig.clock, FakeClock)
    rig.clock.wrong = timedelta()
    rig.session("s-2", seconds=70)
    rig.connect()
    assert rig.system.set == []
    assert times(rig, "StartTransaction") == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:01:40.000Z",
    ]


@pytest.mark.parametrize(
    "told",
    ["2026-01-01T02:00:00.5+02:00", "2026-01-01T00:00:00.46Z", "2026-01-01T00:00:00"],
)
def test_pitfall_8_fractions_and_offsets_are_read(told: str) -> None:
    """OCPP 1.6 §3.15."""
    rig = behind(86_400)
    rig.engine.station.time.told(told, rig.clock.now_ms())
    (when,) = rig.system.set
    assert when.strftime("%Y-%m-%dT%H:%M:%S") == "2026-01-01T00:00:00"


def test_a_clock_behind_the_last_known_time_is_doubted(tmp_path: Path) -> None:
    rig = behind(0, database=Database(tmp_path / "link.db")).start()
    rig.run(2 * 86_400)
    rig.database.close()
    again = behind(86_400, database=Database(tmp_path / "link.db"))
    assert not again.engine.station.time.trusted
    assert again.start().engine.station.time.trusted


def test_a_clock_that_may_not_be_set_is_corrected_in_what_leaves() -> None:
    rig = behind(3_600)
    rig.system.may_set_clock = False
    rig.start()
    rig.session(seconds=70)
    assert times(rig, "StartTransaction") == ["2026-01-01T00:00:00.000Z"]
    assert times(rig, "StopTransaction") == ["2026-01-01T00:01:10.000Z"]
    assert times(rig, "StatusNotification")[-1] == "2026-01-01T00:01:10.000Z"
    rig.run(3_600)
    assert rig.engine.station.clock.correction_ms == 3_600_000, "it is not corrected twice"


@pytest.mark.parametrize("link_too", [False, True])
@pytest.mark.parametrize("offline", [False, True])
def test_4_10_a_clock_that_is_set_back_ends_no_transaction_before_its_start(
    tmp_path: Path, *, offline: bool, link_too: bool
) -> None:
    """OCPP 1.6 §4.7, §4.10: what was told is not taken back, and samples do not run backwards."""
    settings = Settings(sample_interval_s=60, stop_sampled_measurands=SAMPLED)
    path = tmp_path / "link.db"
    rig = behind(-86_400, database=Database(path), settings=settings)
    rig.brain.clock = rig.clock
    rig.start()
    rig.run(1_000)
    if offline:
        rig.disconnect()
    rig.plug_in()
    rig.start_transaction()
    rig.charge(150)
    assert isinstance(rig.clock, FakeClock)
    rig.clock.wrong -= timedelta(hours=2)
    if link_too:
        rig.database.close()
        rig = Rig(clock=rig.clock, brain=rig.brain, database=Database(path), settings=settings)
        rig.engine.on_core_connected()
        rig.seq = rig.engine.next_seq - 1
    rig.charge(150)
    rig.stop_transaction()
    rig.connect()
    told = [time for value in rig.brain.sent("MeterValues") for time in _of(value["meterValue"])]
    (start,), (stop,) = times(rig, "StartTransaction"), rig.brain.sent("StopTransaction")
    assert len(told) >= 4
    assert [start, *told, stop["timestamp"]] == sorted([start, *told, stop["timestamp"]])
    assert _of(stop["transactionData"]) == sorted(_of(stop["transactionData"]))


def _of(values: list[dict[str, Any]]) -> list[str]:
    return [value["timestamp"] for value in values]


@given(st.integers(0, 4_000_000_000_000), st.integers(-(10**12), 10**12))
def test_what_is_shifted_and_shifted_back_is_what_it_was(at_ms: int, by_ms: int) -> None:
    text = rfc3339(datetime.fromtimestamp(1_000_000_000 + at_ms / 1_000, tz=None).astimezone())
    assert shifted(shifted(text, by_ms), -by_ms) == text
    assert shifted(text, 0) is text


def test_a_process_leaves_its_computer_s_clock_alone() -> None:
    """Unless its owner gave leave: it may run beside others, and as root."""
    said = list[str]()
    before = datetime.now(UTC)
    ProcessSystem("boot 1", lambda _kind: None).set_time(
        datetime(2040, 1, 1, tzinfo=UTC), said.append
    )
    assert said == ["the clock is not ours to set"]
    assert (datetime.now(UTC) - before).total_seconds() < 3_600
