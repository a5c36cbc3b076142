"""The demonstration in virtual time: what it prints, what it draws, and how it fails."""

from __future__ import annotations

import asyncio
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from evse.cli import main
from hil.csms.brain import Misbehaviour
from hil.demo.demo import HEADING, Options, config, demo, readme_picture, wants_colour
from hil.demo.ending import Ending, play
from hil.demo.proc import ProcStage
from hil.demo.sim import SimStage
from hil.demo.stage import DemoFailed, Metal
from hil.demo.story import BRIEF, Pace
from hil.demo.timeline import WIDTH, Timeline

DOCS = Path(__file__).resolve().parents[3] / "docs"


def played(tmp_path: Path, seed: int = 1) -> str:
    out = io.StringIO()
    assert demo(Options(fast=True, seed=seed, out=tmp_path), out) == 0
    return out.getvalue()


def stage(seed: int = 1) -> SimStage:
    return SimStage(config(), io.StringIO(), seed=seed, colour=False)


def test_it_goes_from_plug_to_bill(tmp_path: Path) -> None:
    said = played(tmp_path)
    steps = [
        "BootNotification PiEVSE Pi AC: Accepted",
        "state B: a car is connected",
        "waits for\n",
        "Authorize card 04A1B2C3: Accepted",
        "16 A offered",
        "contactor  closed",
        "draws 16.0 A",
        "8 A offered",
        "8 A are offered, limited by OCPP",
        "the line to the back office is cut",
        "the line is back",
        "draws 16.0 A",
        "contactor  open",
        "StopTransaction Local",
        "lock       unlocked",
        "StatusNotification EVSE Available",
        "The bill, as the back office has it",
        "0.027 kWh",
        "index.html",
    ]
    at = 0
    for step in steps:
        assert step in said[at:], f"{step!r} is missing, or out of order"
        at = said.index(step, at)


def test_times_never_run_back_and_lines_fit_80_columns(tmp_path: Path) -> None:
    lines = played(tmp_path).removeprefix(HEADING[True]).splitlines()
    times = [float(line[:7]) for line in lines if re.match(r" +\d+\.\d\d  ", line)]
    assert len(times) > 40
    assert times == sorted(times)
    assert max(map(len, lines[: len(times)])) <= WIDTH


def test_the_same_seed_gives_the_same_words_and_the_same_page(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    words = [played(out).replace(str(out), "") for out in (first, second)]
    assert words[0] == words[1]
    assert (first / "index.html").read_bytes() == (second / "index.html").read_bytes()


@pytest.mark.parametrize("seed", range(2, 8))
def test_any_seed_goes_as_told(tmp_path: Path, seed: int) -> None:
    played(tmp_path, seed)


def test_the_page_stands_alone(tmp_path: Path) -> None:
    played(tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "<h2>Bill</h2>" in page
    assert not re.search(r"(src|href)=", page)


def test_the_picture_in_the_documents_is_the_present_one() -> None:
    """`evse demo --fast --svg docs/lane-plot.svg` writes it."""
    picture = readme_picture()
    assert (DOCS / "lane-plot.svg").read_text("utf-8") == picture
    ElementTree.fromstring(picture)
    assert len(picture) < 150_000


def test_the_command_line_writes_page_and_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    svg = tmp_path / "lanes.svg"
    assert main(["demo", "--fast", "--brief", "--out", str(tmp_path), "--svg", str(svg)]) == 0
    assert svg.read_text("utf-8").startswith("<svg xmlns=")
    assert "\x1b" not in capsys.readouterr().out, "no colour where nobody looks"


def test_a_place_that_can_not_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 1
    told = capsys.readouterr()
    assert str(tmp_path / "file") in told.err
    assert told.out == "", "a place for the page is looked for before anything is played"


def test_keep_refuses_a_directory_that_holds_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--keep", str(tmp_path)]) == 1
    assert "holds something already" in capsys.readouterr().err


# --- when it does not go as told ------------------------------------------------------------------


def test_a_refused_card_ends_it_with_a_sentence() -> None:
    staged = stage()
    staged.brain.refused["04A1B2C3"] = "Blocked"
    ending = asyncio.run(play(staged, BRIEF))
    assert ending.mistakes == ("the station did not charge at 16 A within 30 s",)
    assert ending.bill == ()


def test_an_unbilled_transaction_ends_it_with_a_sentence() -> None:
    staged = stage()
    staged.brain.misbehave("StopTransaction", *[Misbehaviour.NO_ANSWER] * 9)
    ending = asyncio.run(play(staged, BRIEF))
    assert ending.mistakes == ("the station did not stop the transaction within 30 s",)


class CheatingStage(SimStage):
    """The metal of this one has let through 2 Wh more than it was billed for."""

    more_wh = 2.0
    violation = ""

    async def call(self, method: str, **params: object) -> object:
        answer = await super().call(method, **params)
        if method != "sim.state":
            return answer
        state = answer["1"]
        found = [self.violation] if self.violation else []
        return {"1": {**state, "energy_wh": state["energy_wh"] + self.more_wh, "violations": found}}


def cheated(more_wh: float = 0.0, violation: str = "") -> Ending:
    staged = CheatingStage(config(), io.StringIO(), seed=1, colour=False)
    staged.more_wh, staged.violation = more_wh, violation
    return asyncio.run(play(staged, BRIEF))


def test_a_bill_that_differs_from_the_metal_is_told() -> None:
    (mistake,) = cheated(more_wh=2.0).mistakes
    assert re.fullmatch(r"the bill says \d+ Wh, and \d+\.\d Wh have flowed", mistake)


def test_metal_where_it_must_never_be_is_told() -> None:
    (mistake,) = cheated(violation="closed without a permit").mistakes
    assert "closed without a permit" in mistake


def test_the_exit_code_and_the_words_of_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hil.demo.demo.SimStage", CheatingStage)
    assert demo(Options(fast=True, brief=True, out=tmp_path), io.StringIO()) == 1
    assert capsys.readouterr().err.startswith("This did not go as told: the bill says")
    assert (tmp_path / "index.html").exists(), "the page shows what happened"


def test_every_complaint_and_every_open_contactor_counts() -> None:
    from hil.demo.ending import findings

    staged = stage()
    asyncio.run(play(staged, BRIEF))
    energy_wh = float(staged.brain.bill_lines()[0].energy_wh or 0)
    staged.brain.complaints.append("a reply to nothing: 7")
    truth = Metal(energy_wh=energy_wh, energised=True, violations=[])
    assert findings(staged, truth) == [
        "the back office complains: a reply to nothing: 7",
        "the contactor is still closed",
    ]
    staged.brain.bill.clear()
    assert findings(staged, truth)[-1] == "there is one car, and 0 transactions"


# --- the timeline ---------------------------------------------------------------------------------


def test_the_timeline_sorts_what_comes_late() -> None:
    out = io.StringIO()
    timeline = Timeline(out, zero_ms=1_000, colour=False)
    timeline.add(2_500, "lock", "locked")
    timeline.add(2_000, "pilot", "B")
    timeline.add(3_000, "car", "waits")
    timeline.print_before(3_000)
    assert out.getvalue() == "   1.00  pilot      B\n   1.50  lock       locked\n"


def test_long_text_is_wrapped_below_itself() -> None:
    out = io.StringIO()
    timeline = Timeline(out, zero_ms=0, colour=False)
    timeline.add(0, "why?", "because " * 12)
    timeline.print_before(1)
    first, second = out.getvalue().splitlines()
    assert len(first) <= WIDTH
    assert second.startswith(" " * 20 + "because")


def test_colour_is_only_for_those_who_look() -> None:
    out = io.StringIO()
    timeline = Timeline(out, zero_ms=0, colour=True)
    timeline.add(0, "network", "cut")
    timeline.print_before(1)
    assert "\x1b[33mcut\x1b[0m" in out.getvalue()


class Terminal(io.StringIO):
    """Somebody looks."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"TERM": "xterm"}, True),
        ({}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_a_terminal_without_colours_gets_none(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(Terminal()) is wanted
    assert not wants_colour(io.StringIO())


def test_a_station_that_ends_at_once_is_told_as_that(tmp_path: Path) -> None:
    staged = ProcStage(config(), io.StringIO(), tmp_path, colour=False)
    with pytest.raises(DemoFailed, match="ended before it opened plant"):
        asyncio.run(staged.follow(lambda: True))


def test_full_pace_is_about_twenty_seconds() -> None:
    staged = stage()
    begin_ms = staged.clock.now_ms()
    asyncio.run(play(staged, Pace()))
    assert 16_000 < staged.clock.now_ms() - begin_ms < 22_000
