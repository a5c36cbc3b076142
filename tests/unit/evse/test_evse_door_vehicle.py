"""What a provider tells of a car: typed, shown by its published name, forgotten with the car."""

from __future__ import annotations

import enum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import plain_values, whole
from station_rig import BAD_PARAMS, Peer, station

from evse.door import jsonrpc
from evse.door.providers import VEHICLE, published_by
from evse.door.roles import NAMESPACES, Role
from evse.session.vehicle import BASIC_CHARGING, NO_PROTOCOL, Vehicle
from evse.types.evse_manager import CarManufacturer, EVInfo
from evse.types.session import SessionEventEnum
from hil.sim.simulation import Simulation

EV_INFO = "evse_manager.ev_info"
MANUFACTURER = "evse_manager.car_manufacturer"
REQUEST = "iso15118_extensions.iso15118_certificate_request"
RENEGOTIATION = "iso15118_extensions.service_renegotiation_supported"
REQUEST_2023 = "evse_manager.iso15118_certificate_request"
ASKS = {
    "exi_request": "gJgC",
    "iso15118_schema_version": "urn:iso:15118:2:2013:MsgDef",
    "certificate_action": "Install",
}
ASKS_2023 = {
    "exiRequest": "gJgC",
    "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
    "certificateAction": "Install",
}
ANSWER = {"status": "Accepted", "exi_response": "gKAB", "certificate_action": "Install"}
ANSWER_2023 = {"status": "Accepted", "exiResponse": "gKAB", "certificateAction": "Install"}


class Iso15118(Peer):
    """An ISO 15118 stack at the door: publishes, and keeps the certificates it is handed."""

    def __init__(self, sim: Simulation) -> None:
        assert sim.station is not None
        super().__init__(sim.station.hub, Role.PROVIDER)
        self.result("provide", {"namespace": VEHICLE})

    def publish(self, variable: str, value: Any, evse: int = 1) -> None:
        self.result("publish", {"variable": variable, "value": value, "evse": evse})

    def refused(self, variable: str, value: Any, **more: Any) -> str:
        """The field that is named."""
        code, _, field = self.error("publish", {"variable": variable, "value": value, **more})
        assert code == BAD_PARAMS
        return str(field)

    @property
    def certificates(self) -> list[dict[str, Any]]:
        method = f"{VEHICLE}.set_get_certificate_response"
        return [m["params"] for m in self.lines if m.get("method") == method and "id" in m]


def peer(sim: Simulation, role: Role = Role.ADMIN) -> Peer:
    assert sim.station is not None
    return Peer(sim.station.hub, role)


def get(sim: Simulation, variable: str, evse: int = 1) -> Any:
    return peer(sim).result("get", {"variable": variable, "evse": evse})


def plug(sim: Simulation) -> None:
    sim.plants[1].car.plug()
    sim.wake()
    sim.run_for(3_000)


def unplug(sim: Simulation) -> None:
    sim.plants[1].car.unplug()
    sim.wake()
    sim.run_for(5_000)


# --- ev_info and car_manufacturer -----------------------------------------------------------------


def test_before_anybody_told_anything_the_car_is_unknown() -> None:
    sim = station()
    assert get(sim, EV_INFO) == {}
    assert get(sim, MANUFACTURER) == "Unknown"
    assert get(sim, RENEGOTIATION) is False


def test_a4_no_service_is_renegotiated_with_a_car_that_nobody_speaks_with() -> None:
    sim = station()
    stack, watcher = Iso15118(sim), peer(sim)
    watcher.result("subscribe", {"variable": RENEGOTIATION})
    plug(sim)
    stack.publish(RENEGOTIATION, True)
    assert get(sim, RENEGOTIATION) is True
    unplug(sim)
    assert [told["value"] for told in watcher.notified(RENEGOTIATION)] == [True, False]


def test_what_a_provider_tells_of_the_car_reaches_who_follows_it() -> None:
    sim = station(2)
    stack, watcher = Iso15118(sim), peer(sim, Role.OBSERVER)
    for variable in (EV_INFO, MANUFACTURER):
        watcher.result("subscribe", {"variable": variable, "evse": 2})
    stack.publish(EV_INFO, {"soc": 40.0, "evcc_id": "02:42:AC:11:00:02"}, evse=2)
    stack.publish(MANUFACTURER, "Tesla", evse=2)
    stack.publish(MANUFACTURER, "VolkswagenGroup", evse=1)
    info = {"soc": 40.0, "evcc_id": "02:42:AC:11:00:02"}
    assert watcher.notified(EV_INFO) == [{"value": info, "evse": 2}]
    assert watcher.notified(MANUFACTURER) == [{"value": "Tesla", "evse": 2}]
    assert get(sim, EV_INFO, evse=1) == {}


def test_a1_1_ev_info_is_reset_when_a_session_starts_and_when_it_ends() -> None:
    sim = station()
    stack, watcher = Iso15118(sim), peer(sim)
    stack.publish(EV_INFO, {"soc": 1})
    watcher.result("subscribe", {"variable": EV_INFO})
    plug(sim)
    assert [p["value"] for p in watcher.notified(EV_INFO)] == [{}]
    stack.publish(EV_INFO, {"soc": 55})
    unplug(sim)
    assert [p["value"] for p in watcher.notified(EV_INFO)] == [{}, {"soc": 55.0}, {}]


def test_a1_1_car_manufacturer_is_unknown_at_each_plug_in() -> None:
    sim = station()
    stack = Iso15118(sim)
    plug(sim)
    stack.publish(MANUFACTURER, "Tesla")
    unplug(sim)
    assert get(sim, MANUFACTURER) == "Tesla", "until the next car"
    plug(sim)
    assert get(sim, MANUFACTURER) == "Unknown"


def test_what_a_provider_told_of_one_car_is_not_got_of_the_next() -> None:
    sim = station(2)
    stack = Iso15118(sim)
    plug(sim)
    needs = whole(published_by(VEHICLE)["iso15118_extensions.charging_needs"])
    for evse in (1, 2):
        stack.publish(REQUEST, ASKS, evse)
        stack.publish("iso15118_extensions.charging_needs", needs, evse)
    unplug(sim)
    for variable in (REQUEST, REQUEST_2023, "iso15118_extensions.charging_needs"):
        assert get(sim, variable, evse=1) is None
        assert get(sim, variable, evse=2) is not None, "another EVSE"


def test_a_provider_that_leaves_takes_what_it_said_along() -> None:
    sim = station()
    stack = Iso15118(sim)
    stack.publish(EV_INFO, {"soc": 55})
    stack.publish(MANUFACTURER, "Tesla")
    stack.publish(REQUEST, ASKS)
    stack.publish(RENEGOTIATION, True)
    stack.hub.disconnect(stack.connection)
    assert (get(sim, EV_INFO), get(sim, MANUFACTURER)) == ({}, "Unknown")
    assert get(sim, RENEGOTIATION) is False
    assert get(sim, REQUEST_2023) is None


def test_selected_protocol_is_that_of_the_session() -> None:
    sim = station()
    seen = [get(sim, "evse_manager.selected_protocol")]
    plug(sim)
    seen.append(get(sim, "evse_manager.selected_protocol"))
    unplug(sim)
    seen.append(get(sim, "evse_manager.selected_protocol"))
    assert seen == ["Unknown", "IEC61851-1", "Unknown"]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        (EV_INFO, {"soc": 101}, "value.soc"),
        (EV_INFO, {"soc": "full"}, "value.soc"),
        (EV_INFO, {"sock": 1}, "value.sock"),
        (EV_INFO, None, "value"),
        (EV_INFO, [], "value"),
        (EV_INFO, {"evcc_id": "not a MAC"}, "value.evcc_id"),
        (MANUFACTURER, "Trabant", "value"),
        (REQUEST, {**ASKS, "certificate_action": "Steal"}, "value.certificate_action"),
        (REQUEST, {}, "value.exi_request"),
        ("iso15118_extensions.charging_needs", {"requested_energy_transfer": 1}, "value"),
        ("iso15118_extensions.nonsense", 1, "variable"),
        ("evse_manager.limits", {"max_current": 80}, None),
    ],
)
def test_what_is_no_value_of_the_variable_is_refused_and_changes_nothing(
    variable: str, value: Any, field: str | None
) -> None:
    sim = station()
    stack = Iso15118(sim)
    before = (get(sim, EV_INFO), get(sim, MANUFACTURER), get(sim, "evse_manager.limits"))
    params = {"variable": variable, "value": value, "evse": 1}
    code, message, named = stack.error("publish", params)
    assert code == (jsonrpc.NOT_ALLOWED if field is None else BAD_PARAMS)
    assert field is None or (named or "").startswith(field), message
    assert (get(sim, EV_INFO), get(sim, MANUFACTURER), get(sim, "evse_manager.limits")) == before
    assert get(sim, REQUEST) is None


@pytest.mark.parametrize("value", ["Volkswagen", "tesla"])
def test_a_near_miss_is_told_the_word_that_was_meant(value: str) -> None:
    stack = Iso15118(station())
    params = {"variable": MANUFACTURER, "value": value, "evse": 1}
    meant = "VolkswagenGroup" if value[0] == "V" else "Tesla"
    assert f"did you mean {meant}?" in stack.error("publish", params)[1]


def test_the_evse_is_needed_where_there_are_two_and_must_be_here() -> None:
    stack = Iso15118(station(2))
    assert stack.refused(EV_INFO, {}) == "evse"
    assert stack.refused(EV_INFO, {}, evse=3) == "evse"
    one = Iso15118(station(1))
    assert one.result("publish", {"variable": EV_INFO, "value": {}}) is True


def test_who_does_not_provide_it_tells_nothing_of_a_car() -> None:
    sim = station()
    Iso15118(sim)
    for role in (Role.PROVIDER, Role.ADMIN):
        params = {"variable": EV_INFO, "value": {"soc": 1}, "evse": 1}
        code, message, _ = peer(sim, role).error("publish", params)
        assert (code, message) == (jsonrpc.NOT_ALLOWED, f"you do not provide {EV_INFO}")


def example(type_: Any) -> Any:
    """Plain JSON of a type of the pages."""
    if type_ is bool:
        return True
    return next(iter(type_)).value if issubclass(type_, enum.Enum) else whole(type_)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_variable_of_a_provided_page_can_be_published(namespace: str) -> None:
    sim = station()
    provider = peer(sim)
    provider.result("provide", {"namespace": namespace})
    for variable, type_ in published_by(namespace).items():
        value = example(type_)
        provider.result("publish", {"variable": variable, "value": value, "evse": 1})
        assert get(sim, variable) == value


@given(plain_values(EVInfo))
def test_whatever_fits_the_page_comes_out_as_it_went_in(info: dict[str, Any]) -> None:
    heard: dict[str, Any] = {}
    vehicle = Vehicle(heard.__setitem__)
    vehicle.tell_info(msgspec.convert(info, EVInfo))
    assert msgspec.to_builtins(heard["ev_info"]) == msgspec.to_builtins(
        msgspec.convert(info, EVInfo)
    )


# --- the certificate ------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [ASKS, ASKS_2023])
def test_the_cars_request_is_told_on_both_pages_each_in_its_spelling(asked: Any) -> None:
    sim = station()
    stack, watcher = Iso15118(sim), peer(sim, Role.OBSERVER)
    for variable in (REQUEST, REQUEST_2023):
        watcher.result("subscribe", {"variable": variable})
    stack.publish(REQUEST, asked)
    assert watcher.notified(REQUEST) == [{"value": ASKS, "evse": 1}]
    assert watcher.notified(REQUEST_2023) == [{"value": ASKS_2023, "evse": 1}]


@pytest.mark.parametrize("answer", [ANSWER, ANSWER_2023])
@pytest.mark.parametrize("argument", ["certificate_reponse", "certificate_response"])
@pytest.mark.parametrize("page", ["evse_manager", VEHICLE])
def test_the_answer_reaches_the_car_in_either_spelling_once(
    page: str, argument: str, answer: Any
) -> None:
    sim = station(2)
    stack, link = Iso15118(sim), peer(sim, Role.OCPP)
    stack.publish(REQUEST, ASKS, evse=2)
    call = {argument: answer, "evse": 2}
    assert link.result(f"{page}.set_get_certificate_response", call) is None
    assert stack.certificates == [{"evse": 2, "certificate_response": ANSWER}]
    assert link.result(f"{page}.set_get_certificate_response", call) is None
    assert len(stack.certificates) == 1, "the request was answered"


def test_an_answer_that_no_car_waits_for_is_dropped_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sim = station()
    stack, link = Iso15118(sim), peer(sim, Role.OCPP)
    call = {"certificate_reponse": ANSWER}
    method = "evse_manager.set_get_certificate_response"
    assert link.result(method, call) is None
    stack.publish(REQUEST, ASKS)
    plug(sim)  # another session: that car is gone
    assert link.result(method, call) is None
    stack.publish(REQUEST, ASKS)
    stack.hub.disconnect(stack.connection)
    assert link.result(method, call) is None
    assert stack.certificates == []
    assert caplog.text.count("a certificate that no car waits for is dropped") == 3


def test_a_provider_that_refuses_the_answer_is_logged_and_hurts_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sim = station()
    stack, link = Iso15118(sim), peer(sim, Role.OCPP)
    stack.publish(REQUEST, ASKS)
    link.result("evse_manager.set_get_certificate_response", {"certificate_reponse": ANSWER})
    request = next(m for m in stack.lines if "method" in m and "id" in m)
    error = {"jsonrpc": "2.0", "id": request["id"], "error": {"code": 1, "message": "no modem"}}
    stack.say(msgspec.json.encode(error))
    assert "the certificate did not reach the car: no modem" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "Accepted", "certificate_action": "Install"},
        {"status": "Failed", "exi_response": "gKAB", "certificate_action": "Install"},
    ],
)
def test_a4_an_answer_that_contradicts_itself_is_refused_by_name(answer: Any) -> None:
    sim = station()
    stack, link = Iso15118(sim), peer(sim, Role.OCPP)
    stack.publish(REQUEST, ASKS)
    params = {"certificate_reponse": answer}
    code, _, field = link.error("evse_manager.set_get_certificate_response", params)
    assert (code, field) == (BAD_PARAMS, "certificate_reponse.exi_response")
    good = {"certificate_reponse": ANSWER}
    link.result("evse_manager.set_get_certificate_response", good)
    assert len(stack.certificates) == 1, "the request still stood"


def test_a_failed_answer_reaches_the_car_too() -> None:
    sim = station()
    stack, link = Iso15118(sim), peer(sim, Role.OCPP)
    stack.publish(REQUEST, ASKS)
    failed = {"status": "Failed", "certificate_action": "Install"}
    link.result("evse_manager.set_get_certificate_response", {"certificate_reponse": failed})
    assert stack.certificates == [{"evse": 1, "certificate_response": failed}]


# --- the vehicle, pure ----------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.sampled_from(SessionEventEnum),
        st.booleans(),
        st.sampled_from(["info", "maker", "ask", "take", "lost"]),
    ),
    max_size=30,
)


@given(steps)
def test_nothing_that_one_car_said_is_shown_of_the_next(said: list[Any]) -> None:
    heard: dict[str, Any] = {}
    vehicle = Vehicle(heard.__setitem__)
    waits = plugged = False
    for step in said:
        match step:
            case SessionEventEnum():
                vehicle.heard(step)
                if step in (SessionEventEnum.SessionStarted, SessionEventEnum.SessionFinished):
                    waits = False
                    assert heard["ev_info"] == EVInfo()
                    began = step is SessionEventEnum.SessionStarted
                    protocol = BASIC_CHARGING if began else NO_PROTOCOL
                    assert heard["selected_protocol"] == protocol
            case bool():
                vehicle.plug(step)
                if step and not plugged:
                    assert heard["car_manufacturer"] is CarManufacturer.Unknown
                plugged = step
            case "info":
                vehicle.tell_info(EVInfo(soc=1.0))
            case "maker":
                vehicle.tell_manufacturer(CarManufacturer.Tesla)
            case "ask":
                vehicle.ask_certificate()
                waits = True
            case "take":
                assert vehicle.take_request() is waits
                waits = False
            case _:
                vehicle.lose_provider()
                waits = False
                assert heard["ev_info"] == EVInfo()
                assert heard["car_manufacturer"] is CarManufacturer.Unknown
