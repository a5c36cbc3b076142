"""SendLocalList and GetLocalListVersion of OCPP 2.0.1 (D01, D02)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocpp_link.rpc.rpc import IncomingCall
from ocpp_link.tokens.local_list import ListEntry, ListStatus, ListUpdate
from ocpp_link.v201.messages import verdict_of

if TYPE_CHECKING:
    from ocpp_link.charge_point import ChargePoint

STATUS = {
    ListStatus.ACCEPTED: "Accepted",
    ListStatus.FAILED: "Failed",
    ListStatus.NOT_SUPPORTED: "Failed",
    ListStatus.VERSION_MISMATCH: "VersionMismatch",
}


def send_local_list(call: IncomingCall, engine: ChargePoint) -> None:
    """D01, answered once the list is on the disk, or is known not to come there."""

    def answered(status: ListStatus) -> None:
        call.respond({"status": STATUS[status]})

    engine.authorization.known.list.update(_update(call.payload), answered)


def get_local_list_version(call: IncomingCall, engine: ChargePoint) -> None:
    """D02.FR.02, D02.FR.03: 0 before the first update, and where the list is switched off."""
    call.respond({"versionNumber": engine.authorization.known.list.last_version})


def _update(payload: dict[str, Any]) -> ListUpdate:
    entries = payload.get("localAuthorizationList", [])
    return ListUpdate(
        version=payload["versionNumber"],
        full=payload["updateType"] == "Full",
        entries=tuple(_entry(entry) for entry in entries),
    )


def _entry(entry: dict[str, Any]) -> ListEntry:
    """D01.FR.17: without an idTokenInfo it is taken off."""
    info = entry.get("idTokenInfo")
    return ListEntry(entry["idToken"]["idToken"], verdict_of(info) if info else None)


HANDLERS = {"SendLocalList": send_local_list, "GetLocalListVersion": get_local_list_version}
