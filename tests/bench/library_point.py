"""A charge point as the documentation of the `ocpp` package makes one: to measure, not to use."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.bench.side_by_side import METER_VALUE


class LibraryPoint(ChargePoint):  # type: ignore[misc]  # the library has no types
    """Answers what is measured, and says what is measured."""

    @on(Action.get_configuration)
    def on_get_configuration(self, **_values: Any) -> Any:
        known = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
        return call_result.GetConfiguration(configuration_key=known, unknown_key=["NoSuchKey"])

    @on(Action.set_charging_profile)
    def on_set_charging_profile(self, **_values: Any) -> Any:
        return call_result.SetChargingProfile("Accepted")

    async def work(self, samples: int) -> None:
        await self.call(call.BootNotification("bench", "library"))
        for _ in range(samples):
            await self.call(call.MeterValues(1, [METER_VALUE], 7), suppress=False)


async def main(url: str, samples: int) -> None:
    async with connect(
        f"{url}/library", subprotocols=[Subprotocol("ocpp1.6")], compression=None
    ) as websocket:
        point = LibraryPoint("library", websocket)
        listening = asyncio.create_task(point.start())
        await point.work(samples)
        await listening


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
