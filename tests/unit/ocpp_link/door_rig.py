"""The link's door over a rig's engine, and peers at it."""

from __future__ import annotations

from typing import Any

import msgspec
from ocpp_rig import Rig

from evse.door.hub import Hub
from evse.door.jsonrpc import RpcError
from evse.door.roles import Role
from ocpp_link.door.door import LinkDoor


class Control:
    """A connection that is told to go and to come."""

    def __init__(self) -> None:
        self.wanted = True

    def stop(self) -> bool:
        was, self.wanted = self.wanted, False
        return was

    def restart(self) -> bool:
        was, self.wanted = self.wanted, True
        return not was

    def state(self) -> dict[str, Any]:
        return {"wanted": self.wanted}


class CoreDoor:
    """Keeps what the link publishes at the core's door."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any, bool]] = []

    def publish(self, variable: str, value: Any, *, stands: bool = True) -> None:
        self.told.append((variable, json_of(value), stands))

    def values(self, variable: str) -> list[Any]:
        return [value for name, value, _ in self.told if name == variable]


class DoorRig(Rig):
    """A Rig with a door."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.control = Control()
        self.core_door = CoreDoor()
        self.door = LinkDoor(self.engine, self.control, self.core_door, self.store.load())

    def start(self) -> DoorRig:
        super().start()
        return self

    def peer(self, role: Role = Role.ADMIN) -> Peer:
        return Peer(self.door.hub, role)

    def through_the_core(self, method: str, params: Any) -> Any:
        """As the core's door hands a call on: the result, or the RpcError."""
        replies: list[Any] = []
        try:
            self.door.call(method, params, replies.append)
        except RpcError as error:
            return error
        (reply,) = replies
        return reply if isinstance(reply, RpcError) else json_of(reply)


class Peer:
    """A peer that keeps every line it is sent."""

    def __init__(self, hub: Hub, role: Role) -> None:
        self.hub = hub
        self.connection = hub.connect(self, role)
        self.lines: list[dict[str, Any]] = []
        self._id = 0

    def send(self, line: bytes) -> None:
        self.lines.append(msgspec.json.decode(line))

    def call(self, method: str, params: Any = None) -> dict[str, Any] | None:
        """The answer, if it came at once."""
        self._id += 1
        asked = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params or {}}
        self.hub.receive(self.connection, msgspec.json.encode(asked))
        return self.answer(self._id)

    def answer(self, call_id: int) -> dict[str, Any] | None:
        found = [m for m in self.lines if m.get("id") == call_id and "method" not in m]
        assert len(found) < 2, f"answered twice: {found}"
        return found[0] if found else None

    def result(self, method: str, params: Any = None) -> Any:
        answer = self.call(method, params)
        assert answer is not None
        assert "error" not in answer, answer
        return answer["result"]

    def error(self, method: str, params: Any = None) -> tuple[int, str, str | None]:
        """(code, message, the field it names)."""
        answer = self.call(method, params)
        assert answer is not None
        assert "result" not in answer, answer
        error = answer["error"]
        return error["code"], error["message"], (error.get("data") or {}).get("field")

    def follow(self, variable: str, **more: Any) -> Any:
        return self.result("subscribe", {"variable": variable, **more})["value"]

    def told(self, variable: str) -> list[Any]:
        """The values, since `follow`."""
        return [m["params"]["value"] for m in self.lines if m.get("method") == variable]

    def asked(self, method: str) -> list[dict[str, Any]]:
        """What the door asked of this peer."""
        return [m for m in self.lines if m.get("method") == method and "id" in m]

    def reply(self, request: dict[str, Any], result: Any) -> None:
        said = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        self.hub.receive(self.connection, msgspec.json.encode(said))


def json_of(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def key(name: str, component: str = "", **more: Any) -> dict[str, Any]:
    """A ComponentVariable that names a configuration key."""
    return {"component": {"name": component}, "variable": {"name": name, **more}}
