"""The methods that the core serves at the door: names and fields of the interface pages.

Each row is a params type and a function of the core; a bad call is answered with the field that
is wrong and changes nothing. Every `evse_manager` call carries `evse` (1-based), which may be left
out where the station has one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, UnsetType

from evse.core import STATION, Core
from evse.door import authorization, history, jsonrpc, service
from evse.door.hello import serve_hello
from evse.door.hub import Connection, Hub, Reply
from evse.door.inspection import inspect
from evse.door.jsonrpc import RpcError
from evse.door.older_faults import OlderFaults
from evse.door.params import (
    Acknowledge,
    AuthorizeResponse,
    AvailabilityParams,
    ConnectorParams,
    EnableDisable,
    Params,
    Reserve,
    SetCertificate,
    SetCertificateResponse,
    SetExternalLimits,
    StopTransaction,
    SwitchPhases,
    connector_of,
    session_of,
)
from evse.door.spelling import Spelling
from evse.door.vehicle import send_certificate, serve_providers
from evse.journal.journal import TooManyConsumers
from evse.limits import LOWEST_PRIORITY as LAST
from evse.session.availability import LOWEST_PRIORITY, PRIORITIES
from evse.session.external_limits import UNNAMED, Lifetime
from evse.types.seed import accept
from evse.types.session import (
    EnableDisableSource,
    EnableState,
)
from evse.why import why

Serve = Callable[[Core, Any, Reply], None]


def _enable(core: Core, params: AvailabilityParams, reply: Reply) -> None:
    session, connector = session_of(core, params), connector_of(params)
    wanted = _named_source(params, EnableState.Enable)
    reply(session.enable(connector) if wanted is None else session.assign(connector, wanted))


def _disable(core: Core, params: AvailabilityParams, reply: Reply) -> None:
    session, connector = session_of(core, params), connector_of(params)
    wanted = _named_source(params, EnableState.Disable)
    reply(session.disable(connector) if wanted is None else session.assign(connector, wanted))


def _named_source(params: AvailabilityParams, state: EnableState) -> EnableDisableSource | None:
    """Who asks, where the call says so. Raises RpcError for a priority of nobody."""
    source = params.source
    if isinstance(source, UnsetType):
        if params.priority is not UNSET:
            field = {"field": "priority"}
            raise RpcError(jsonrpc.INVALID_PARAMS, "priority needs a source", field)
        return None
    priority = params.priority
    if isinstance(priority, UnsetType):
        priority = PRIORITIES.get(source, LOWEST_PRIORITY)
    return EnableDisableSource(enable_source=source, enable_state=state, enable_priority=priority)


def _enable_disable(core: Core, params: EnableDisable, reply: Reply) -> None:
    reply(session_of(core, params).assign(connector_of(params), params.cmd_source))


def _reserve(core: Core, params: Reserve, reply: Reply) -> None:
    reply(session_of(core, params).reserve(params.reservation_id))


def _cancel_reservation(core: Core, params: Params, reply: Reply) -> None:
    session_of(core, params).cancel_reservation()
    reply(None)


def _set_faulted(core: Core, params: Params, reply: Reply) -> None:
    session_of(core, params).set_faulted()
    reply(None)


def _switch_phases(core: Core, params: SwitchPhases, reply: Reply) -> None:
    reply(session_of(core, params).switch_three_phases(params.three_phases))


def _cancel_delay(core: Core, params: Params, reply: Reply) -> None:
    session_of(core, params).cancel_random_delay()
    reply(None)


def _get_id(core: Core, params: Params, reply: Reply) -> None:
    reply(session_of(core, params).config.id)


def _pause(core: Core, params: Params, reply: Reply) -> None:
    reply(session_of(core, params).pause_charging())


def _resume(core: Core, params: Params, reply: Reply) -> None:
    reply(session_of(core, params).resume_charging())


def _stop(core: Core, params: StopTransaction, reply: Reply) -> None:
    reply(session_of(core, params).stop_transaction(params.request))


def _force_unlock(core: Core, params: ConnectorParams, reply: Reply) -> None:
    session_of(core, params).force_unlock(params.connector_id, reply)


def _authorize_response(core: Core, params: AuthorizeResponse, reply: Reply) -> None:
    session = session_of(core, params)
    core.authorization.respond(session.config.id, params.provided_token, params.validation_result)
    reply(None)


def _withdraw(core: Core, params: Params, reply: Reply) -> None:
    session_of(core, params).withdraw_authorization()
    reply(None)


def _set_external_limits(core: Core, params: SetExternalLimits, reply: Reply) -> None:
    """`evse` 0 is the station as a whole: what all its EVSEs may take together."""
    session = None if params.evse == STATION else session_of(core, params)
    source = UNNAMED if isinstance(params.source, UnsetType) else params.source
    life = Lifetime(
        lifetime_s=_or_none(params.lifetime_s),
        fallback_a=_or_none(params.fallback_a),
        priority=LAST if isinstance(params.priority, UnsetType) else params.priority,
    )
    try:
        if session is None:
            core.station_limits.put(source, params.value, life)
        else:
            session.set_external_limits(params.value, source, life)
    except ValueError as error:
        field = {"field": "value.schedule_import"}
        raise RpcError(jsonrpc.INVALID_PARAMS, str(error), field) from error
    reply(None)


def _certificate(core: Core, params: SetCertificate, reply: Reply) -> None:
    evse = session_of(core, params).config.id
    send_certificate(core, evse, params.certificate_reponse, "certificate_reponse")
    reply(None)


def _certificate_response(core: Core, params: SetCertificateResponse, reply: Reply) -> None:
    evse = session_of(core, params).config.id
    send_certificate(core, evse, params.certificate_response, "certificate_response")
    reply(None)


def _or_none(value: float | UnsetType) -> float | None:
    return None if isinstance(value, UnsetType) else value


def _why(core: Core, params: Params, reply: Reply) -> None:
    reply(why(core, session_of(core, params).config.id))


def _inspect(core: Core, params: Params, reply: Reply) -> None:
    reply(inspect(core, session_of(core, params).config.id))


def _acknowledge(core: Core, params: Acknowledge, reply: Reply) -> None:
    if not 0 <= params.seq <= core.journal.durable_seq:
        last = core.journal.durable_seq
        raise RpcError(
            jsonrpc.INVALID_PARAMS,
            f"seq {params.seq} is not between 0 and {last}",
            {"field": "seq"},
        )
    try:
        core.journal.acknowledge(params.consumer, params.seq)
    except TooManyConsumers as error:
        raise RpcError(jsonrpc.INVALID_PARAMS, str(error), {"field": "consumer"}) from error
    reply(True)


TABLE: dict[str, tuple[type[Any], Serve]] = {
    "evse_manager.get_id": (Params, _get_id),
    "evse_manager.enable": (AvailabilityParams, _enable),
    "evse_manager.disable": (AvailabilityParams, _disable),
    "evse_manager.enable_disable": (EnableDisable, _enable_disable),
    "evse_manager.reserve": (Reserve, _reserve),
    "evse_manager.cancel_reservation": (Params, _cancel_reservation),
    "evse_manager.set_faulted": (Params, _set_faulted),
    "evse_manager.switch_three_phases_while_charging": (SwitchPhases, _switch_phases),
    "uk_random_delay.cancel": (Params, _cancel_delay),
    "evse_manager.authorize_response": (AuthorizeResponse, _authorize_response),
    "evse_manager.withdraw_authorization": (Params, _withdraw),
    "evse_manager.pause_charging": (Params, _pause),
    "evse_manager.resume_charging": (Params, _resume),
    "evse_manager.stop_transaction": (StopTransaction, _stop),
    "evse_manager.force_unlock": (ConnectorParams, _force_unlock),
    "evse_manager.set_external_limits": (SetExternalLimits, _set_external_limits),
    "evse_manager.set_get_certificate_response": (SetCertificate, _certificate),
    "iso15118_extensions.set_get_certificate_response": (
        SetCertificateResponse,
        _certificate_response,
    ),
    **authorization.TABLE,
    "history.delete_before": (history.DeleteBefore, history.delete),
    "history.sessions": (history.Sessions, history.sessions),
    **service.TABLE,
    "journal.acknowledge": (Acknowledge, _acknowledge),
    "sys.inspect": (Params, _inspect),
    "sys.why": (Params, _why),
}
"""Method -> (type of its params, function)."""


def serve(hub: Hub, core: Core) -> None:
    """Register every method of the table, and what providers and `hello` need."""
    hub.spelling = Spelling(core.clock.utc)
    serve_hello(hub)
    serve_providers(hub, core)
    OlderFaults(hub, core)
    for name, (type_, function) in TABLE.items():
        hub.register(name, _handler(core, name, type_, function))


def _handler(core: Core, name: str, type_: type[Any], function: Serve) -> Any:
    read = functools.partial(accept.decode, method=name)

    def handle(_connection: Connection, params: Any, reply: Reply) -> None:
        function(core, jsonrpc.decode_params(params, type_, read), reply)
        core.poll()

    return handle
