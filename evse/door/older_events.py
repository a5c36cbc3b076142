"""Session events for a follower that asked for the spelling of September 2023.

Loaded for the first of them. Faults were session events then: they are told as they come, without
a number, for no journal has them.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from evse.fault_model import INOPERATIVE
from evse.telling.fault_report import FaultReport
from evse.types.seed.events import Teller, fault_raised
from evse.types.seed.session_shapes import SeedSessionEvent
from evse.types.session import SessionEvent, SessionEventEnum

CHARGED = (SessionEventEnum.ChargingStarted,)
NOT_YET = (SessionEventEnum.TransactionStarted, SessionEventEnum.SessionFinished)

_decoder = msgspec.json.Decoder(SessionEvent)


class OlderEvents:
    """What one follower has to remember, for each EVSE."""

    def __init__(self) -> None:
        self._tellers: dict[int, Teller] = {}

    def begin(self, charged: Any) -> None:
        """`charged`: what `charged_before` found, or why it found nothing."""
        if isinstance(charged, dict):
            self._tellers = {evse: Teller(charged=was) for evse, was in charged.items()}

    def told(self, evse: int, body: bytes) -> SeedSessionEvent | None:
        """A record in the older spelling; None where 2023 had no such event."""
        teller, event = self._tellers.get(evse, Teller()).tell(_decoder.decode(body))
        self._tellers[evse] = teller
        return event


def charged_before(db: sqlite3.Connection, *, seq: int, evses: list[int]) -> dict[int, bool]:
    """EVSE -> had the transaction that ran before event `seq` charged already? On the storage
    thread."""
    found: dict[int, bool] = {}
    for evse in evses:
        row = db.execute(
            "SELECT said FROM (SELECT seq, json_extract(CAST(body AS TEXT), '$.event') AS said "
            "FROM event WHERE evse = ? AND seq < ?) WHERE said IN (?, ?, ?) "
            "ORDER BY seq DESC LIMIT 1",
            (evse, seq, *CHARGED, *NOT_YET),
        ).fetchone()
        found[evse] = row is not None and row[0] in CHARGED
    return found


def fault_event(uuid: str, report: FaultReport) -> SeedSessionEvent | None:
    """A change of a fault; None where 2023 told nobody: a warning, one that cleared, and the sum of
    all that blocks."""
    if not report.blocks or report.state != "Active" or report.type == INOPERATIVE:
        return None
    return fault_raised(uuid, report.type)
