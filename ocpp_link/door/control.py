"""The connection to the back office, as the door stops and starts it."""

from __future__ import annotations

from typing import Any

import msgspec

from ocpp_link.charge_point import ChargePoint
from ocpp_link.memory.database import Snapshot
from ocpp_link.wire.connection import Connection

STAYS_AWAY = "stays_away"
"""Kept while the station was told not to connect."""


def is_wanted(kept: Snapshot) -> bool:
    """Was nobody told to stay away before the process began?"""
    return kept.decoded(STAYS_AWAY, bool).get(STAYS_AWAY) is not True


class ConnectionControl:
    """See methods.Control."""

    def __init__(self, engine: ChargePoint, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection

    def stop(self) -> bool:
        was_wanted = self._connection.wanted
        self._engine.station.keep(STAYS_AWAY, STAYS_AWAY, True)
        self._connection.disconnect()
        return was_wanted

    def restart(self) -> bool:
        was_wanted = self._connection.wanted
        self._engine.station.forget(STAYS_AWAY, STAYS_AWAY)
        self._connection.connect()
        return not was_wanted

    def state(self) -> dict[str, Any]:
        return {
            **msgspec.structs.asdict(self._connection.state),
            **engine_state(self._engine),
        }


def engine_state(engine: ChargePoint) -> dict[str, Any]:
    """What `ocpp.state` tells beside the connection."""
    boot, queue = engine.station.boot, engine.transactions.queue
    return {
        "registration": boot.status.value if boot.status else "",
        "queued": len(queue),
        "dropped": queue.dropped,
        "rpc": msgspec.to_builtins(engine.station.rpc.stats),
    }
