"""What the provider of `iso15118_extensions` tells of a car, and what it is sent for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from evse.core import Core
from evse.door.hub import Hub
from evse.door.jsonrpc import INVALID_PARAMS, RpcError
from evse.door.providers import VEHICLE, Providers, Sink
from evse.session.vehicle import Vehicle
from evse.types.iso15118 import ExiStatus, RequestExiStreamSchema, ResponseExiStreamStatus

REQUEST = f"{VEHICLE}.iso15118_certificate_request"
REQUEST_2023 = "evse_manager.iso15118_certificate_request"
OF_ONE_CAR = (REQUEST, REQUEST_2023, f"{VEHICLE}.charging_needs", f"{VEHICLE}.ev_info")
"""Variables whose last value is not of the next car."""
RENEGOTIATION = f"{VEHICLE}.service_renegotiation_supported"
"""False of a car that nobody speaks with (spec evse-core A4)."""
RESPONSE = f"{VEHICLE}.set_get_certificate_response"

_log = logging.getLogger(__name__)


def serve_providers(hub: Hub, core: Core) -> None:
    """Register `provide` and `publish`, and bring to the cars what is published of them."""

    def gone(namespace: str) -> None:
        if namespace == VEHICLE:
            core.facts.lose_provider()
            hub.forget(REQUEST_2023)
            for evse in core.sessions:
                hub.publish(RENEGOTIATION, evse, False)

    def reset(evse: int) -> None:
        for variable in OF_ONE_CAR:
            hub.forget(variable, evse)
        if hub.last(RENEGOTIATION, evse) is not False:
            hub.publish(RENEGOTIATION, evse, False)

    for evse in core.sessions:
        hub.publish(RENEGOTIATION, evse, False)
    core.facts.ask = hub.ask
    core.facts.on_reset = reset
    Providers(hub, list(core.sessions), sinks=_sinks(hub, core.facts.vehicles), on_gone=gone)


def _sinks(hub: Hub, vehicles: Mapping[int, Vehicle]) -> dict[str, Sink]:
    def request(evse: int, asked: RequestExiStreamSchema) -> None:
        from evse.types.seed.emit import request_exi  # its page spells it as in 2023

        vehicles[evse].ask_certificate()
        hub.publish(REQUEST_2023, evse, request_exi(asked))
        hub.publish(REQUEST, evse, asked)

    return {
        "evse_manager.ev_info": lambda evse, info: vehicles[evse].tell_info(info),
        "evse_manager.car_manufacturer": lambda evse, name: vehicles[evse].tell_manufacturer(name),
        REQUEST: request,
    }


def send_certificate(core: Core, evse: int, answer: ResponseExiStreamStatus, field: str) -> None:
    """Hand the answer on to the provider. It is dropped where the car waits for none, or nobody
    speaks with it any more (spec evse-core A1.3, A4). Raises RpcError for one that contradicts
    itself."""
    accepted = answer.status is ExiStatus.Accepted
    if accepted == (answer.exi_response is UNSET):
        rule = "needs an exi_response" if accepted else "has no exi_response"
        path = f"{field}.exi_response"
        raise RpcError(INVALID_PARAMS, f"{path}: {answer.status} {rule}", {"field": path})
    if not core.facts.vehicles[evse].take_request():
        _log.warning("evse %s: a certificate that no car waits for is dropped", evse)
        return

    def answered(outcome: Any) -> None:
        if isinstance(outcome, Exception):
            _log.warning("evse %s: the certificate did not reach the car: %s", evse, outcome)

    params = {"evse": evse, "certificate_response": msgspec.to_builtins(answer)}
    core.facts.ask(RESPONSE, params, answered)
