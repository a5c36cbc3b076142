"""The hub: calls, providers, roles, and that nobody can hurt anybody else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from station_rig import Peer

from evse.door import jsonrpc
from evse.door.connection import MAX_FOLLOWED
from evse.door.hub import MAX_FORWARDED, Connection, Follower, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.door.providers import Providers
from evse.door.roles import Role


def hub_with_echo() -> Hub:
    hub = Hub()
    Providers(hub, [1, 2])

    def echo(_connection: Connection, params: Any, reply: Reply) -> None:
        reply(jsonrpc.decode_value(params))

    hub.register("core.echo", echo)
    return hub


def test_a_call_is_answered_once_under_its_id() -> None:
    peer = Peer(hub_with_echo())
    assert peer.result("core.echo", {"n": 1}) == {"n": 1}
    peer.say(b'{"jsonrpc":"2.0","id":"text","method":"core.echo","params":{}}')
    assert peer.lines[-1] == {"jsonrpc": "2.0", "id": "text", "result": {}}


def test_a_notification_is_never_answered() -> None:
    peer = Peer(hub_with_echo())
    peer.say(b'{"jsonrpc":"2.0","method":"core.echo","params":{}}')
    peer.say(b'{"jsonrpc":"2.0","method":"no.such"}')
    assert peer.lines == []


@pytest.mark.parametrize("method", ["core.nope", "nope", "", "core.", "provide.x"])
def test_an_unknown_method_is_told(method: str) -> None:
    code, message, _ = Peer(hub_with_echo()).error(method, {})
    assert code in (jsonrpc.METHOD_NOT_FOUND, jsonrpc.NOT_AVAILABLE)
    assert method.partition(".")[0] in message


def test_a_method_that_nobody_provides_now_is_another_error_than_one_that_is_not() -> None:
    peer = Peer(hub_with_echo())
    assert peer.error("ocpp.stop")[0] == jsonrpc.NOT_AVAILABLE
    assert peer.error("core.stop")[0] == jsonrpc.METHOD_NOT_FOUND


def test_a_bad_line_is_answered_and_counted() -> None:
    hub = hub_with_echo()
    peer = Peer(hub)
    peer.say(b"\x00")
    peer.say(b'{"jsonrpc":"2.0","id":7,"result":1}')
    peer.say(b'{"jsonrpc":"2.0","id":null,"result":1}')
    assert hub.bad_lines == 3
    assert [m["error"]["code"] for m in peer.lines] == [jsonrpc.PARSE_ERROR]


def test_a_method_is_registered_once() -> None:
    with pytest.raises(ValueError, match=r"core\.echo is registered twice"):
        hub_with_echo().register("core.echo", lambda *_: None)


# --- providers ------------------------------------------------------------------------------------


class Provider(Peer):
    """Answers what it is asked with what the test prepared."""

    def __init__(self, hub: Hub, namespace: str) -> None:
        super().__init__(hub)
        assert self.result("provide", {"namespace": namespace}) is True

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [m for m in self.lines if "method" in m and "id" in m]

    def say_result(self, request: dict[str, Any], raw: bytes) -> None:
        head = f'{{"jsonrpc":"2.0","id":{request["id"]},'.encode()
        self.say(head + raw + b"}")


def test_a_providers_result_and_error_reach_the_caller() -> None:
    hub = hub_with_echo()
    provider, caller = Provider(hub, "ocpp"), Peer(hub)
    for raw, key, value in [
        (b'"result":{"a":[1]}', "result", {"a": [1]}),
        (b'"result":null', "result", None),
        (b'"error":{"code":5,"message":"no"}', "error", {"code": 5, "message": "no"}),
    ]:
        assert caller.call("ocpp.get", {"key": "k"}) is None, "it waits"
        assert provider.asked[-1]["params"] == {"key": "k"}
        provider.say_result(provider.asked[-1], raw)
        assert caller.lines[-1][key] == value


def test_two_callers_of_one_provider_get_their_own_answers() -> None:
    hub = hub_with_echo()
    provider, one, other = Provider(hub, "ocpp"), Peer(hub), Peer(hub)
    one.call("ocpp.a", {})
    other.call("ocpp.b", {})
    first, second = provider.asked
    provider.say_result(second, b'"result":"b"')
    provider.say_result(first, b'"result":"a"')
    assert (one.lines[-1]["result"], other.lines[-1]["result"]) == ("a", "b")
    provider.say_result(first, b'"result":"again"')
    assert len(one.lines) == 1
    assert hub.bad_lines == 1


def test_a_provider_that_leaves_fails_what_was_asked_of_it() -> None:
    hub = hub_with_echo()
    provider, caller = Provider(hub, "ocpp"), Peer(hub)
    caller.call("ocpp.a", {})
    hub.disconnect(provider.connection)
    assert caller.lines[-1]["error"]["code"] == jsonrpc.NOT_AVAILABLE
    assert "left before it answered" in caller.lines[-1]["error"]["message"]
    assert caller.error("ocpp.a")[0] == jsonrpc.NOT_AVAILABLE
    hub.disconnect(provider.connection)
    assert len(caller.lines) == 2


def test_a_caller_that_left_is_not_answered() -> None:
    hub = hub_with_echo()
    provider, caller = Provider(hub, "ocpp"), Peer(hub)
    caller.call("ocpp.a", {})
    hub.disconnect(caller.connection)
    provider.say_result(provider.asked[0], b'"result":1')
    assert caller.lines == []


def test_the_newest_provider_serves() -> None:
    hub = hub_with_echo()
    old, new, caller = Provider(hub, "ocpp"), Provider(hub, "ocpp"), Peer(hub)
    caller.call("ocpp.a", {})
    assert (len(old.asked), len(new.asked)) == (0, 1)


@pytest.mark.parametrize("namespace", ["core", ""])
def test_what_is_served_here_can_not_be_taken_over(namespace: str) -> None:
    peer = Peer(hub_with_echo())
    assert peer.error("provide", {"namespace": namespace})[0] == jsonrpc.NOT_ALLOWED
    assert peer.result("core.echo", {}) == {}


@pytest.mark.parametrize("params", [b'{"a":"\xff"}', b'{"a":"\\ud800"}', b'{"a":01}'])
def test_params_that_are_json_from_afar_only_do_not_reach_a_provider(params: bytes) -> None:
    """They would end its connection: its own reader refuses the line."""
    hub = hub_with_echo()
    provider, caller = Provider(hub, "ocpp"), Peer(hub)
    caller.say(b'{"jsonrpc":"2.0","id":1,"method":"ocpp.a","params":' + params + b"}")
    assert caller.lines[-1]["error"]["code"] in (jsonrpc.INVALID_PARAMS, jsonrpc.PARSE_ERROR)
    assert provider.asked == []
    assert provider.connection.forwarded == {}


@pytest.mark.parametrize("raw", [b'"result":"\xff"', b'"result":{"a":"\xff"}'])
def test_an_answer_that_can_not_be_read_is_an_error_for_the_caller(raw: bytes) -> None:
    hub = hub_with_echo()
    provider, caller = Provider(hub, "ocpp"), Peer(hub)
    caller.call("ocpp.a", {})
    provider.say_result(provider.asked[0], raw)
    assert caller.lines[-1]["error"]["code"] == jsonrpc.INTERNAL_ERROR
    assert hub.bad_lines == 1


def test_a_provider_publishes_its_own_variables_only() -> None:
    hub = hub_with_echo()
    provider, other = Provider(hub, "ocpp"), Peer(hub)
    hub.follow(other.connection, "ocpp.is_connected", Follower(None, None))
    assert provider.result("publish", {"variable": "ocpp.is_connected", "value": True}) is True
    assert other.notified("ocpp.is_connected") == [{"value": True}]
    assert hub.last("ocpp.is_connected", None) is True
    params = {"variable": "ocpp.is_connected", "value": False}
    assert other.error("publish", params)[0] == jsonrpc.NOT_ALLOWED
    params = {"variable": "evse_manager.limits", "value": 80}
    assert provider.error("publish", params)[0] == jsonrpc.NOT_ALLOWED


# --- roles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sim.plug_in", "sim.set_fault", "sim.no_such"])
def test_the_ocpp_link_never_simulates(method: str) -> None:
    hub = hub_with_echo()
    called: list[Any] = []
    hub.register("sim.plug_in", lambda *_args: called.append(1))
    hub.register("sim.set_fault", lambda *_args: called.append(1))
    for peer in (Peer(hub, role=Role.OCPP), Provider(hub, "ocpp")):
        assert peer.error(method, {})[0] == jsonrpc.NOT_ALLOWED
    assert called == []


# --- variables ------------------------------------------------------------------------------------


def test_a_value_goes_to_the_followers_of_its_evse_and_is_kept() -> None:
    hub = hub_with_echo()
    everything, second, nothing = Peer(hub), Peer(hub), Peer(hub)
    hub.follow(everything.connection, "core.v", Follower(None, None))
    hub.follow(second.connection, "core.v", Follower(2, None))
    for evse in (1, 2):
        hub.publish("core.v", evse, {"amps": evse})
    assert [p["evse"] for p in everything.notified("core.v")] == [1, 2]
    assert [p["evse"] for p in second.notified("core.v")] == [2]
    assert nothing.lines == []
    assert hub.last("core.v", 1) == {"amps": 1}
    assert hub.last("core.v", 3) is None


def test_an_error_in_a_handler_is_the_callers_and_nobody_elses() -> None:
    hub = hub_with_echo()

    def refuses(_connection: Connection, _params: Any, _reply: Reply) -> None:
        raise RpcError(-5, "no", {"field": "x"})

    hub.register("core.refuses", refuses)
    assert Peer(hub).error("core.refuses") == (-5, "no", "x")
    assert Peer(hub).result("core.echo", msgspec.json.decode(b"{}")) == {}


def test_a_provider_that_never_answers_costs_no_memory_without_end() -> None:
    hub = hub_with_echo()
    provider = Peer(hub)
    provider.result("provide", {"namespace": "ocpp"})
    caller = Peer(hub)
    for _ in range(MAX_FORWARDED):
        assert caller.call("ocpp.get_variables") is None
    caller.call("ocpp.get_variables")
    assert len(provider.connection.forwarded) == MAX_FORWARDED
    oldest = caller.answer(1)
    assert oldest is not None
    assert oldest["error"]["code"] == jsonrpc.NOT_AVAILABLE
    assert caller.answer(2) is None


def test_a_peer_follows_so_many_variables_and_no_more() -> None:
    hub = hub_with_echo()
    peer = Peer(hub)
    for number in range(MAX_FOLLOWED):
        hub.follow(peer.connection, f"core.{number}", Follower(None, None))
    hub.follow(peer.connection, "core.0", Follower(1, None))
    with pytest.raises(RpcError, match=f"you follow {MAX_FOLLOWED} variables already"):
        hub.follow(peer.connection, "core.one_more", Follower(None, None))
    assert len(peer.connection.follows) == MAX_FOLLOWED


def test_variables_that_a_provider_invents_are_kept_nowhere() -> None:
    hub = hub_with_echo()
    provider = Provider(hub, "ocpp")
    for number in range(100):
        params = {"variable": f"ocpp.invented_{number}", "value": "x" * 1_000}
        assert provider.error("publish", params)[2] == "variable"
    assert hub._last == {}


def test_what_a_provider_said_is_not_known_any_more_once_it_has_left() -> None:
    hub = hub_with_echo()
    provider = Provider(hub, "ocpp")
    event = {"type": "StartupOfTheDevice"}
    provider.result("publish", {"variable": "ocpp.security_event", "value": event})
    provider.result("publish", {"variable": "ocpp.is_connected", "value": True})
    hub.disconnect(provider.connection)
    assert hub.last("ocpp.security_event", None) is None
    assert hub.last("ocpp.is_connected", None) is False


def test_a_provider_that_was_replaced_takes_nothing_along() -> None:
    hub = hub_with_echo()
    old, new = Provider(hub, "ocpp"), Provider(hub, "ocpp")
    new.result("publish", {"variable": "ocpp.is_connected", "value": True})
    hub.disconnect(old.connection)
    assert hub.last("ocpp.is_connected", None) is True
