"""GetLocalListVersion, SendLocalList and ClearCache of OCPP 1.6 (§5.10, §5.15, §5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.tokens.local_list import ListEntry, ListStatus, ListUpdate
from ocpp_link.v16.authorization import verdict_of

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint


def get_local_list_version(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.10: 0 of an empty list, -1 where it is switched off."""
    call.respond({"listVersion": engine.authorization.known.list.version})


def send_local_list(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.15, answered once the list is on the disk, or is known not to come there."""

    def answered(status: ListStatus) -> None:
        call.respond({"status": status.value})

    engine.authorization.known.list.update(_update(call.payload), answered)


def clear_cache(call: IncomingCall, engine: ChargePoint) -> None:
    """§5.4, errata 3.23: Rejected where there is no cache."""

    def done(cleared: bool) -> None:
        call.respond({"status": "Accepted" if cleared else "Rejected"})

    engine.authorization.known.clear_cache(done)


def _update(payload: dict[str, Any]) -> ListUpdate:
    entries = payload.get("localAuthorizationList", [])
    return ListUpdate(
        version=payload["listVersion"],
        full=payload["updateType"] == "Full",
        entries=tuple(_entry(entry) for entry in entries),
    )


def _entry(entry: dict[str, Any]) -> ListEntry:
    """§7.1: without an idTagInfo it is taken off."""
    info = entry.get("idTagInfo")
    return ListEntry(entry["idTag"], verdict_of(info) if info else None)


HANDLERS = {
    "GetLocalListVersion": get_local_list_version,
    "SendLocalList": send_local_list,
    "ClearCache": clear_cache,
}
