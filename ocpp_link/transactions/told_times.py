"""Times within a transaction: somebody may set the wall clock back while it runs.

Own: neither the standard nor any back office has a use for a transaction that ends before it
starts, or for samples that run backwards; a time that was queued is never taken back.
"""

from __future__ import annotations

import msgspec

from evse.clock import parse_time
from ocpp_link.records import EvseState, RecordKind, TxRecord
from ocpp_link.timekeeping import Timekeeper


def in_order(record: TxRecord, state: EvseState, time: Timekeeper) -> TxRecord:
    """The record, no earlier than what was queued last of its transaction; `state` is its EVSE's.
    Times of a doubtful clock are compared as they would leave now, and kept with their mark."""
    is_first = record.kind is RecordKind.STARTED or not state.told_at
    if is_first or record.session != state.session:
        return record
    last = parse_time(time.mended(state.told_at, state.told_clock))
    if parse_time(time.mended(record.timestamp, record.clock)) >= last:
        return record
    return msgspec.structs.replace(record, timestamp=state.told_at, clock=state.told_clock)


def noted(state: EvseState, record: TxRecord) -> EvseState:
    """The EVSE's state, once the record is queued."""
    return msgspec.structs.replace(state, told_at=record.timestamp, told_clock=record.clock)
