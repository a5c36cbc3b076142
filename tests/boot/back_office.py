"""A back office inside the container: `python back_office.py DIRECTORY [SECONDS]`.

What lies in DIRECTORY/do as `NAME.json`, `["Reset", {"type": "Soft"}]`, is sent as a CALL and
deleted; what the station sent is in DIRECTORY/log.json. SECONDS: how much its clock is ahead.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ocpp.exceptions import OCPPError
from ocpp.v16 import call

from evse.clock import MonotonicClock
from hil.csms.brain import CsmsBrain
from hil.csms.server import CsmsServer

IDENTITY = "PIEVSE-1"
POLL_S = 0.1


class Ahead(MonotonicClock):
    """A clock that goes before this computer's."""

    def __init__(self, by_s: float) -> None:
        super().__init__()
        self._by = timedelta(seconds=by_s)

    def utc(self) -> datetime:
        return super().utc() + self._by


async def main(place: Path, ahead_s: float) -> None:
    brain = CsmsBrain(Ahead(ahead_s), heartbeat_s=60)
    server = CsmsServer(brain, port=9000)
    await server.start()
    (place / "do").mkdir(parents=True, exist_ok=True)
    while True:
        for path in sorted((place / "do").glob("*.json")):
            action, payload = json.loads(path.read_text("utf-8"))
            path.unlink()
            await _call(server, action, payload)
        fresh = place / "log.new"
        fresh.write_text(json.dumps({"log": brain.log, "complaints": brain.complaints}), "utf-8")
        fresh.replace(place / "log.json")
        await asyncio.sleep(POLL_S)


async def _call(server: CsmsServer, action: str, payload: dict[str, Any]) -> None:
    request = getattr(call, action)(**payload)
    try:
        print(action, await server.call(IDENTITY, request), flush=True)
    except (KeyError, OCPPError, TimeoutError) as error:
        print(action, repr(error), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2] if len(sys.argv) > 2 else 0)))
