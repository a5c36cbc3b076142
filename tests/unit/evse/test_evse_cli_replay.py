"""`evse replay` as a technician uses it: the table, the CSV, the plot, and the exit code."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest
from flight_rig import ORIGIN, FlightRig, written

from evse.cli import main
from evse.guard.flight_read import read
from evse.guard.recorder import Flight
from evse.guard.replay import replay
from evse.guard.timeline import Row, timeline
from evse.model import CommandVerb
from evse.run.flight import DIRECTORY
from evse.run.kernel_name import kernel_name


def charge_and_stop() -> Flight:
    rig = FlightRig()
    rig.charge()
    rig.plant.set_fault("emergency_stop", True)
    rig.run(2_100)
    flight = rig.recorder.collect(rig.now_ms)
    assert flight is not None
    return flight


@pytest.fixture
def flight_file(tmp_path: Path) -> Path:
    origin = msgspec.structs.replace(ORIGIN, kernel=kernel_name())
    path = tmp_path / "state" / DIRECTORY / "flight-evse1-0badcafe-1.flight"
    path.parent.mkdir(parents=True)
    path.write_bytes(written(charge_and_stop(), origin))
    return path


def rows_of(rig: FlightRig) -> list[Row]:
    flight = read(written(rig.kept()))
    return list(timeline(flight, replay(flight)))


def said(rows: list[Row]) -> list[str]:
    return [words for row in rows for words in row.says]


def test_the_table_tells_the_fault_with_its_rule_and_the_times_around_it(
    flight_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(flight_file)]) == 0
    text = capsys.readouterr().out
    assert "EVSE 1 of CP1, 2026-01-01T00:00:00.000Z" in text
    assert "(here: the same)" in text
    assert "kept because of: trip EMERGENCY_STOP (+0.000 s)" in text
    assert "CLOSES: every closing rule holds" in text
    (at_fault,) = [line for line in text.splitlines() if "emergency stop: tripped" in line]
    assert at_fault.split()[0] == "+0.000"
    assert " off " in at_fault
    assert "OPENS (EMERGENCY_STOP): The emergency stop is pressed." in text
    assert text.splitlines()[-1] == "decided again: all 1310 periods alike, bit for bit"


def test_the_csv_has_every_period(flight_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(flight_file), "--csv"]) == 0
    shown = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert len(rows) == 1_310
    zero = next(row for row in rows if row["t_ms"] == "0")
    assert (zero["coil"], zero["mirror_closed"], zero["reason"]) == ("0", "1", "EMERGENCY_STOP")
    assert "bit for bit" in shown.err


def test_the_plot_is_a_page(flight_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "flight.html"
    assert main(["replay", str(flight_file), "--plot", str(page)]) == 0
    text = page.read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "trip EMERGENCY_STOP" in text


def test_another_kernel_is_told_and_where_it_decides_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight = charge_and_stop()
    record = flight.records[-100]
    otherwise = msgspec.structs.replace(record.outputs, coil=True)
    flight.records[-100] = msgspec.structs.replace(record, outputs=otherwise)
    path = tmp_path / "x.flight"
    path.write_bytes(written(flight))
    assert main(["replay", str(path)]) == 1
    text = capsys.readouterr().out
    assert "it has changed" in text
    assert (
        "decided otherwise in 1 period(s), first at +1.100 s: output coil: True recorded, "
        "False now" in text
    )
    assert "DIFFERS" in text
    assert "defect" not in text


def test_the_same_kernel_deciding_otherwise_is_a_defect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight = charge_and_stop()
    record = flight.records[-1]
    altered = msgspec.structs.replace(record.state, plugs=9)
    flight.records[-1] = msgspec.structs.replace(record, state=altered)
    path = tmp_path / "x.flight"
    path.write_bytes(written(flight, msgspec.structs.replace(ORIGIN, kernel=kernel_name())))
    assert main(["replay", str(path)]) == 1
    assert "that is a defect" in capsys.readouterr().out


def test_a_torn_file_is_refused_and_shown_on_request(
    flight_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight_file.write_bytes(flight_file.read_bytes()[:-500])
    assert main(["replay", str(flight_file)]) == 1
    assert "torn" in (refused := capsys.readouterr().err)
    assert "--torn shows what is left" in refused
    assert main(["replay", str(flight_file), "--torn"]) == 1
    assert "bit for bit" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\xfe", b"{}\n"])
def test_another_file_is_refused_in_words(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.flight"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 1
    assert "this is no flight" in capsys.readouterr().err


def test_what_a_file_says_does_nothing_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.flight"
    path.write_bytes(written(charge_and_stop(), msgspec.structs.replace(ORIGIN, station="\x1b[2J")))
    assert main(["replay", str(path)]) == 0
    assert main(["replay", str(path.with_name("x.flight")), "--csv"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path / "none.flight")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_without_a_file_what_there_is_is_listed(
    flight_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flight_file.with_name("broken.flight").write_bytes(b"?")
    assert main(["replay", "--state-dir", str(tmp_path / "state")]) == 0
    text = capsys.readouterr().out
    assert f"{flight_file}  2026-01-01T00:00:00.000Z  trip: EMERGENCY_STOP" in text
    assert "broken.flight  this is no flight" in text
    assert main(["replay", "--state-dir", str(tmp_path / "empty")]) == 0
    assert "no flights in" in capsys.readouterr().out


def test_the_timeline_tells_what_ring_1_was_told_and_when_it_was_late() -> None:
    rig = FlightRig()
    rig.charge()
    rig.command(CommandVerb.FORCE_UNLOCK)
    rig.alive = False
    rig.run(700)
    rig.now_ms += 200
    rig.plant.set_board_fault("TILT", True)
    rig.run(100)
    rows = rows_of(rig)
    words = said(rows)
    assert "command FORCE_UNLOCK: refused" in words
    assert "210 ms since the period before" in words
    assert "board: TILT" in words
    assert {row.permit for row in rows} == {"none", "hold", "close"}


def test_quiet_time_takes_no_row() -> None:
    rig = FlightRig()
    rig.run(1_000)
    rig.kept()
    rig.run(30_000)
    assert [row.says for row in rows_of(rig)] == [
        ("the recording begins",),
        ("kept because of: asked by the test",),
    ]
