"""The first screen of `evse run`: what stands between this software and the mains, and what to
type next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from evse.cli.places import SOCKET_VARIABLE, asked_by_default
from evse.config.station import StationConfig

TIERS = {
    "simulated": "simulated: no metal at all; board, meters and car are processes",
    "serial": "T2: a microcontroller at {port} runs ring 1 and opens by itself",
    "native": "T3: this computer runs ring 1; {interlock} opens when it fails to",
}
"""By `[board] kind` (docs/overview.md). T1, a foreign board that we command, has no driver yet."""


def first_screen(config: StationConfig, socket: Path) -> str:
    """A few lines for a person at a terminal."""
    board = config.board
    tier = TIERS[board.kind].format(port=board.port, interlock=board.interlock or "nothing")
    office = config.ocpp.url if config.ocpp is not None else "none"
    named = "" if socket == asked_by_default() else f"{SOCKET_VARIABLE}={socket} "
    asked = f"{named}{program()}"
    acts = ["why"]
    if board.kind == "simulated":
        acts = ["sim plug-in", *(["sim house 5 3 -8"] if config.mains else []), *acts]
    return "\n".join(
        (
            f"station      {config.station.identity}, {len(config.evses)} EVSE",
            f"tier         {tier}",
            f"back office  {office}",
            "type next    (in another terminal; Ctrl-C here ends the station)",
            *(f"             {asked} {act}" for act in acts),
        )
    )


def program() -> str:
    """How this very command is called again."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{sys.executable} -m evse"
    found = shutil.which(called.name)
    return called.name if found and Path(found).samefile(called) else str(called)
