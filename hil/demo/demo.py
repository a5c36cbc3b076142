"""`evse demo`: plays the story on a stage, and ends in a bill and a page with the lanes."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TextIO

import msgspec

from evse.config.load import parse
from evse.config.station import StationConfig
from hil.demo.ending import Ending, play
from hil.demo.sim import SimStage
from hil.demo.story import BRIEF, Pace
from hil.plot.plot import lane_plot, lane_svg

CONFIG = "station_demo.toml"
TITLE = "PiEVSE: from plug to bill"
SUBTITLE = (
    "A simulated car at one charging point: what the metal did, what the session said, "
    "and what the back office was told."
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says."""

    fast: bool = False
    """In virtual time and one process."""
    brief: bool = False
    """Without rests for a reader."""
    seed: int = 1
    out: Path = Path("demo-out")
    svg: Path | None = None
    """Write the lanes there too, as a picture that stands alone."""
    keep: Path | None = None
    """Keep the state of the real processes here."""


def demo(options: Options, out: TextIO = sys.stdout) -> int:
    """Play it, told on `out` as it happens; the exit code: 0 when all went as told.

    Raises OSError, before anything is played, where there is no place for the page."""
    colour = wants_colour(out)
    pace = BRIEF if options.brief else Pace()
    options.out.mkdir(parents=True, exist_ok=True)
    print(HEADING[options.fast], file=out)
    if options.fast:
        stage = SimStage(config(), out, seed=options.seed, colour=colour)
        ending = asyncio.run(play(stage, pace))
    else:
        ending = _in_processes(pace, options.keep, out, colour=colour)
    if options.svg is not None:
        options.svg.write_text(lane_svg(ending.trace), "utf-8")
    return _finish(ending, options.out, out)


def wants_colour(out: TextIO) -> bool:
    """A person looks, at a terminal that knows colours, and has not asked for none."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return out.isatty() and not plain


def readme_picture() -> str:
    """docs/lane-plot.svg: the lanes of the demonstration in virtual time."""
    stage = SimStage(config(), io.StringIO(), seed=1, colour=False)
    return lane_svg(asyncio.run(play(stage, Pace())).trace)


HEADING = {
    False: "One charging point with a small back office, in processes of their own.\n"
    "Frames, Modbus and OCPP are real; metal, meter and car are simulated.\n",
    True: "One charging point with a small back office, in one process and virtual time.\n",
}


def config() -> StationConfig:
    """The station of the demonstration."""
    return parse(files("hil").joinpath(CONFIG).read_text("utf-8"), CONFIG)


def _in_processes(pace: Pace, keep: Path | None, out: TextIO, *, colour: bool) -> Ending:
    """State below `keep`, or in a directory that is removed unless something went wrong.

    Raises OSError where there is no place for it."""
    from hil.demo.proc import LOG, play_in_processes

    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise FileExistsError(f"{keep} holds something already; name a directory that is empty")
    state_dir = Path(tempfile.mkdtemp(prefix="pievse-demo-")) if keep is None else keep.absolute()
    state_dir.mkdir(parents=True, exist_ok=True)
    failed = False
    try:
        ending = asyncio.run(play_in_processes(config(), pace, state_dir, out, colour=colour))
        failed = bool(ending.mistakes)
    finally:
        if keep is None and not failed:
            shutil.rmtree(state_dir, ignore_errors=True)
    if not failed:
        return ending
    where = f"the station's log is {state_dir / LOG}{_last_words(state_dir / LOG)}"
    return msgspec.structs.replace(ending, mistakes=(*ending.mistakes, where))


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").split("\n") if log.exists() else []
    said = [line for line in lines if line.strip()]
    return f", and ends with: {said[-1]}" if said else ""


def _finish(ending: Ending, page_dir: Path, out: TextIO) -> int:
    _print_bill(ending.bill, out)
    page = page_dir / "index.html"
    html = lane_plot(ending.trace, title=TITLE, subtitle=SUBTITLE, bill=ending.bill)
    page.write_text(html, "utf-8")
    print(f"\nThe lanes of this run, as a page: {page}", file=out)
    if ending.mistakes:
        print("This did not go as told: " + "; ".join(ending.mistakes), file=sys.stderr)
    return 1 if ending.mistakes else 0


def _print_bill(rows: tuple[tuple[str, str], ...], out: TextIO) -> None:
    if rows:
        print("\nThe bill, as the back office has it", file=out)
    for what, how_much in rows:
        print(f"  {what:<16}{how_much}", file=out)
