"""What a caller is told of a slip: where it is, and what was probably meant."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_rig import BAD_PARAMS, Peer, station, token

from evse.door import jsonrpc
from evse.door.hub import Hub
from evse.door.providers import Providers
from evse.door.roles import Role
from evse.door.wording import explain
from evse.types.session import StopTransactionRequest

NOT_FOUND = jsonrpc.METHOD_NOT_FOUND


@pytest.fixture(scope="module")
def hub() -> Hub:
    sim = station(2)
    assert sim.station is not None
    return sim.station.hub


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("evse_manager.enabel", "; did you mean evse_manager.enable?"),
        ("evse_manager.stop_transactoin", "; did you mean evse_manager.stop_transaction?"),
        ("evsemanager.enable", "; did you mean evse_manager.enable?"),
        ("subscribed", "; did you mean subscribe?"),
        ("sys.wy", "; did you mean sys.why?"),
    ],
)
def test_a_misspelt_method_is_answered_with_the_nearest(hub: Hub, method: str, says: str) -> None:
    code, message, _ = Peer(hub).error(method, {})
    assert (code, message) == (NOT_FOUND, f"no method {method}{says}")


def test_a_method_that_is_far_from_all_is_answered_with_those_of_its_namespace(hub: Hub) -> None:
    code, message, _ = Peer(hub).error("sys.zzzzzzzz", {})
    assert (code, message) == (
        NOT_FOUND,
        "no method sys.zzzzzzzz; known here: sys.inspect, sys.why",
    )


def test_only_what_the_role_may_call_is_proposed(hub: Hub) -> None:
    _, message, _ = Peer(hub, Role.OBSERVER).error("history2.sessions", {})
    assert "history.sessions" not in message


@pytest.mark.parametrize("method", ["nonsense.call", "no.such", ".x", "x."])
def test_a_namespace_that_nobody_could_provide_is_no_provider_that_is_away(
    hub: Hub, method: str
) -> None:
    code, message, _ = Peer(hub).error(method, {})
    assert code == NOT_FOUND
    assert "nobody provides" not in message


def test_a_provider_that_is_away_is_told_as_that(hub: Hub) -> None:
    code, message, _ = Peer(hub).error("ocpp.get_variables", {})
    assert (code, message) == (jsonrpc.NOT_AVAILABLE, "nobody provides ocpp.* now")


def test_why_a_provider_is_away_is_told_where_it_is_known() -> None:
    hub = Hub()
    hub.absence["ocpp"] = "it sleeps"
    asked: list[object] = []
    hub.ask("ocpp.stop", {}, asked.append)
    assert Peer(hub).error("ocpp.stop")[1] == "nobody provides ocpp.* now: it sleeps"
    assert [str(error) for error in asked] == ["nobody provides ocpp.* now: it sleeps"]
    assert Peer(hub).error("auth_token_validator.x")[1].endswith("auth_token_validator.* now")


def test_a_misspelt_namespace_is_not_provided(hub: Hub) -> None:
    code, message, field = Peer(hub).error("provide", {"namespace": "oc"})
    assert (code, field) == (jsonrpc.NOT_ALLOWED, "namespace")
    assert message == "nobody can provide oc.*; did you mean ocpp?"


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("evse_manager.limit", "; did you mean evse_manager.limits?"),
        ("evse_manager.powermetre", "; did you mean evse_manager.powermeter?"),
        ("ocpp.is_conected", "; did you mean ocpp.is_connected?"),
    ],
)
@pytest.mark.parametrize("method", ["get", "subscribe"])
def test_a_misspelt_variable_is_answered_with_the_nearest(
    hub: Hub, method: str, variable: str, says: str
) -> None:
    code, message, field = Peer(hub).error(method, {"variable": variable})
    assert (code, field) == (BAD_PARAMS, "variable")
    assert message == f"no variable {variable}{says}"


def test_a_variable_of_a_provider_can_be_followed_before_it_comes() -> None:
    sim = station()
    assert sim.station is not None
    hub = sim.station.hub
    watcher, link = Peer(hub, Role.OBSERVER), Peer(hub, Role.OCPP)
    watcher.result("subscribe", {"variable": "ocpp.is_connected"})
    link.result("provide", {"namespace": "ocpp"})
    link.result("publish", {"variable": "ocpp.is_connected", "value": True})
    hub.disconnect(link.connection)
    assert [p["value"] for p in watcher.notified("ocpp.is_connected")] == [True, False]


@pytest.mark.parametrize(
    ("method", "params", "field", "says"),
    [
        ("evse_manager.enable", {"conector_id": 1}, "conector_id", "did you mean connector_id?"),
        (
            "evse_manager.stop_transaction",
            {"request": {"reason": "Remot"}},
            "request.reason",
            "did you mean Remote?",
        ),
        (
            "auth_token_provider.present",
            {"token": {**token(), "autorization_type": "RFID"}},
            "token.autorization_type",
            "did you mean authorization_type?",
        ),
        ("get", {"varable": "evse_manager.limits"}, "varable", "did you mean variable?"),
        ("hello", {"interface": "2032"}, "interface", "did you mean 2023?"),
    ],
)
def test_a_misspelt_field_or_word_is_answered_with_the_nearest(
    hub: Hub, method: str, params: dict[str, Any], field: str, says: str
) -> None:
    code, message, named = Peer(hub).error(method, params)
    assert (code, named) == (BAD_PARAMS, field), message
    assert message.endswith(f"; {says}")


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    amps: float = 0.0


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    rows: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = {}
    maybe: Inner | None = None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"rows": [{"amsp": 1}]}, "rows[0].amsp"),
        ({"maybe": {"amsp": 1}}, "maybe.amsp"),
        ({"rows": [{"amps": 1}, {"amsp": "x"}]}, "rows[1].amsp"),
    ],
)
def test_a_field_is_found_however_deep(sent: Any, field: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(sent, Outer)
    sentence, named = explain(str(caught.value), Outer)
    assert named == field
    assert sentence.endswith("; did you mean amps?")


def test_a_value_that_stands_in_a_field_is_named_with_it() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"amps": "x"}, Inner)
    sentence, named = explain(str(caught.value), Inner, "value")
    assert named == "value.amps"
    assert sentence == "Expected `float`, got `str` in `value.amps`"


@given(st.text(max_size=200), st.sampled_from([Inner, Outer, StopTransactionRequest, int, list]))
def test_whatever_a_decoder_says_is_told_in_words(error: str, type_: Any) -> None:
    sentence, field = explain(error, type_)
    assert isinstance(sentence, str)
    assert field


def test_a_namespace_that_one_peer_provides_is_told_to_have_left_with_it() -> None:
    hub = Hub()
    Providers(hub, [1])
    provider = Peer(hub)
    provider.result("provide", {"namespace": "ocpp"})
    hub.disconnect(provider.connection)
    assert Peer(hub).error("ocpp.stop")[1] == "nobody provides ocpp.* now"
