"""A whole simulated station and peers at its door, for tests of what the door says."""

from __future__ import annotations

from typing import Any

import msgspec

from evse.config.load import parse
from evse.config.station import StationConfig
from evse.door import jsonrpc
from evse.door.hub import Hub
from evse.door.roles import Role
from hil.sim.simulation import Simulation

_HEAD = """
[station]
identity = "TEST-1"
[board]
kind = "simulated"
[authorization]
mode = "{mode}"
{tokens}
"""
_EVSE = """
[[evse]]
id = {n}
evse_id = "DE*PNX*E000{n}*1"
connector = "socket"
max_current_a = 32.0
[evse.meter]
kind = "modbus"
[evse.lock]
"""


def config(evses: int = 1, *, mode: str = "ocpp") -> StationConfig:
    tokens = 'tokens = ["LISTED"]' if mode == "list" else ""
    ocpp = '[ocpp]\nurl = "ws://127.0.0.1:9/ocpp"\n' if mode == "ocpp" else ""
    rows = "".join(_EVSE.format(n=n) for n in range(1, evses + 1))
    return parse(_HEAD.format(mode=mode, tokens=tokens) + ocpp + rows)


def station(evses: int = 1, *, mode: str = "ocpp", seed: int = 1) -> Simulation:
    """A station that has booted."""
    sim = Simulation(config(evses, mode=mode), seed=seed)
    sim.run_for(3_000)
    return sim


class Peer:
    """A peer that keeps every line it is sent."""

    def __init__(self, hub: Hub, role: Role = Role.ADMIN) -> None:
        self.hub = hub
        self.connection = hub.connect(self, role)
        self.lines: list[dict[str, Any]] = []
        self._id = 0

    def send(self, line: bytes) -> None:
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        self.lines.append(msgspec.json.decode(line))

    def say(self, line: bytes) -> None:
        self.hub.receive(self.connection, line)

    def call(self, method: str, params: Any = msgspec.UNSET) -> dict[str, Any] | None:
        """The answer, if it came at once."""
        self._id += 1
        body = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        if params is msgspec.UNSET:
            del body["params"]
        self.say(msgspec.json.encode(body))
        return self.answer(self._id)

    def answer(self, call_id: int) -> dict[str, Any] | None:
        found = [m for m in self.lines if m.get("id") == call_id and "method" not in m]
        assert len(found) < 2, f"answered twice: {found}"
        return found[0] if found else None

    def result(self, method: str, params: Any = msgspec.UNSET) -> Any:
        answer = self.call(method, params)
        assert answer is not None
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, params: Any = msgspec.UNSET) -> tuple[int, str, str | None]:
        """(code, message, the field it names)."""
        answer = self.call(method, params)
        assert answer is not None
        assert "result" not in answer, answer
        error = answer["error"]
        return error["code"], error["message"], (error.get("data") or {}).get("field")

    def notified(self, variable: str) -> list[dict[str, Any]]:
        return [m["params"] for m in self.lines if m.get("method") == variable]


def token(value: str = "CARD", **more: Any) -> dict[str, Any]:
    id_token = {"value": value, "type": "ISO14443"}
    return {"id_token": id_token, "authorization_type": "RFID", **more}


def accepted(value: str = "CARD") -> dict[str, Any]:
    result = {"authorization_status": "Accepted", "tariff_messages": []}
    return {"provided_token": token(value), "validation_result": result}


BAD_PARAMS = jsonrpc.INVALID_PARAMS
