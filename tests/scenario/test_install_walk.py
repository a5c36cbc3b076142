"""The first session of docs/install.md, on the boards that it names, without mains or meter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.bench.sim import SimBench
from hil.bench.station import StationSetup

PAGE = (Path(__file__).parents[2] / "docs" / "install.md").read_text("utf-8")


def least_board() -> str:
    """The profile for a bench with less on it."""
    (found,) = re.findall(r"```toml\n(name = .*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.mark.parametrize("connector", ["socket", "cable"])
def test_step_6_does_what_the_page_says(
    connector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connector == "cable":
        (tmp_path / "board.toml").write_text(least_board(), "utf-8")
        monkeypatch.setattr("hil.sim.native.REFERENCE", str(tmp_path / "board.toml"))
    setup = StationSetup(connector=connector, max_current_a=16.0, default_a=None, meter=False)
    bench = SimBench(setup, seed=1, native=True)
    try:
        first_session(bench)
    finally:
        bench.close()


def first_session(bench: SimBench) -> None:
    bench.clock.run_for(5)
    assert "no car is plugged in" in bench.probe.why()
    bench.ev.plug()
    bench.ev.pause()
    bench.clock.run_for(8)
    assert "the car has not asked for power: 16 A" in bench.probe.why()
    bench.ev.resume()
    bench.clock.run_for(3)
    assert "is charging" in bench.probe.why()
    bench.ev.pause()
    bench.clock.run_for(5)  # a car stops its current first
    assert not bench.probe.metal().closed
    bench.ev.resume()
    bench.clock.run_for(3)
    assert "is charging" in bench.probe.why()
    bench.ev.unplug()
    bench.clock.run_for(6)
    assert not bench.probe.metal().closed
    assert bench.probe.violations() == []
