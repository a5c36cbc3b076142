"""What a session remembered, put together again from its events where its snapshot can not be read.

Pure. The bill is what matters: a transaction found open must be closed towards the back office with
the last meter value known. What no event tells is taken as nothing; a standing trip is raised anew
by ring 1, or by the fault that stands until the car has left (evse_manager/Internal).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from evse.session.record import Snapshot
from evse.types.powermeter import Powermeter
from evse.types.session import SessionEvent, SessionEventEnum

Event = SessionEventEnum


def rebuilt(bodies: Iterable[bytes]) -> Snapshot:
    """`bodies`: JSON of an EVSE's events from its last SessionStarted on, the oldest first. One
    that can not be read is left out. The boot is unknown: a transaction ends with PowerLoss."""
    snapshot = Snapshot()
    for event in _readable(bodies):
        _follow(snapshot, event)
        for meter in _meters(event):
            snapshot.meter = meter
    return snapshot


def _readable(bodies: Iterable[bytes]) -> Iterator[SessionEvent]:
    for body in bodies:
        try:
            yield msgspec.json.decode(body, type=SessionEvent)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _follow(snapshot: Snapshot, event: SessionEvent) -> None:
    started = event.transaction_started
    snapshot.uuid = event.uuid or snapshot.uuid
    if event.event is Event.TransactionStarted and isinstance(started, msgspec.Struct):
        snapshot.transaction, snapshot.token = True, started.id_tag
        snapshot.signed = isinstance(started.signed_meter_value, msgspec.Struct)
    elif event.event is Event.TransactionFinished:
        snapshot.transaction = False
    elif event.event is Event.SessionFinished:
        snapshot.uuid, snapshot.transaction, snapshot.token = "", False, None
    elif event.event in (Event.Disabled, Event.Enabled):
        disabled = event.event is Event.Disabled
        snapshot.connector_disabled = disabled and event.connector_id == 1
        snapshot.evse_disabled = disabled and event.connector_id != 1


def _meters(event: SessionEvent) -> Iterator[Powermeter]:
    parts = (
        event.session_started,
        event.session_finished,
        event.transaction_started,
        event.transaction_finished,
        event.charging_state_changed_event,
        event.authorization_event,
    )
    return (part.meter_value for part in parts if isinstance(part, msgspec.Struct))
