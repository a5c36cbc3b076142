"""What every bench asks at the station's door in the same words; only the way there differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from evse.types.session import Limits

Ask = Callable[[str, dict[str, Any]], Any]
"""Method and params in, result out. Raises DutRefused, BenchTimeout, and BenchRefused where there
is no core to ask."""

_STATION_WIDE = (
    "auth_token_provider.",
    "authorization.",
    "reservation.",
    "journal.",
    "ocpp.",
    "provide",
    "sim.power",
    "sim.swipe",
    "subscribe",
    "sys.state",
)
"""Methods that name no EVSE."""


class DoorDut:
    """hil.bench.Dut, but for the restart."""

    def __init__(self, ask: Ask, evse: int) -> None:
        self._ask = ask
        self._evse = evse

    def call(self, method: str, **params: Any) -> Any:
        if not method.startswith(_STATION_WIDE):
            params.setdefault("evse", self._evse)
        return self._ask(method, params)

    def swipe(self, token: str) -> str:
        provided = {
            "id_token": {"value": token, "type": "ISO14443"},
            "authorization_type": "RFID",
            "connectors": [self._evse],
        }
        return str(self.call("auth_token_provider.present", token=provided))


class DoorProbe:
    """hil.bench.Probe, as far as it looks through the door."""

    def __init__(self, ask: Ask, evse: int) -> None:
        self._ask = ask
        self._evse = evse

    def limits(self) -> Limits | None:
        value = self._variable("evse_manager.limits")
        return None if value is None else msgspec.convert(value, Limits)

    def meter_wh(self) -> float | None:
        value = self._variable("evse_manager.powermeter")
        return None if value is None else float(value["energy_Wh_import"]["total"])

    def why(self) -> str:
        return str(self._ask("sys.why", {"evse": self._evse}))

    def _variable(self, variable: str) -> Any:
        return self._ask("get", {"variable": variable, "evse": self._evse})
