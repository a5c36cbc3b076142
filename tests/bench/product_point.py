"""The product's own link process, whole, without a core: beside `library_point`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ocpp_link.config import FrameLogConfig, LinkConfig
from ocpp_link.ports import StationInfo
from ocpp_link.process import LinkProcess
from ocpp_link.records import Message
from ocpp_link.rpc.outcome import Outcome
from tests.bench.side_by_side import METER_VALUE


def main(url: str, samples: int, folder: Path) -> None:
    config = LinkConfig(
        url=url,
        identity="product",
        door=folder / "nobody.sock",
        database=folder / "link.db",
        station=StationInfo(vendor="bench", model="product"),
        frame_log=FrameLogConfig(path=folder / "frames.jsonl"),
    )
    asyncio.run(_run(config, samples))


async def _run(config: LinkConfig, samples: int) -> None:
    process = LinkProcess(config)
    station = process.engine.station
    left = samples
    payload = {"connectorId": 1, "transactionId": 7, "meterValue": [METER_VALUE]}

    def say(_outcome: Outcome | None = None) -> None:
        nonlocal left
        if left:
            left -= 1
            station.request(Message("MeterValues", payload), say)

    station.occasions.registered.append(say)
    await process.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
