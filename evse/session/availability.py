"""Who wants the EVSE off: the local key lock, the back office and the interface must not fight.

Pure. Each source has one row for each connector id, with a priority; the smallest number decides,
`Disable` wins a tie, and nobody's row means enabled (spec evse-core A1.3). A call that names no
source is absolute, as the interface page has it: its disabling stands above all rows, and its
enabling takes away every row that it addresses.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from evse.types.session import EnableSource, EnableState

PRIORITIES = {
    EnableSource.LocalAPI: 100,
    EnableSource.CSMS: 5_000,
}
"""What EVerest's own callers use; every other source that names none gets LOWEST_PRIORITY."""
LOWEST_PRIORITY = 10_000
_WORDS = {
    EnableSource.Unspecified: "a caller without a name",
    EnableSource.LocalAPI: "a local program",
    EnableSource.LocalKeyLock: "the key lock at the station",
    EnableSource.ServiceTechnician: "the service technician",
    EnableSource.RemoteKeyLock: "the remote key lock",
    EnableSource.MobileApp: "the mobile app",
    EnableSource.FirmwareUpdate: "the firmware update",
    EnableSource.CSMS: "the back office",
}
WHOLE_EVSE = 0
CONNECTOR = 1


class Row(msgspec.Struct, frozen=True):
    """What one source wants of one connector id (0 = the whole EVSE)."""

    source: EnableSource
    connector_id: int
    disable: bool
    priority: int


Rows = tuple[Row, ...]


def assign(
    rows: Rows,
    source: EnableSource,
    connector_id: int,
    state: EnableState,
    priority: int | None = None,
) -> Rows:
    """`rows` with the row of `source` replaced, or taken away for Unassigned."""
    kept = tuple(r for r in rows if (r.source, r.connector_id) != (source, connector_id))
    if state is EnableState.Unassigned:
        return kept
    if priority is None:
        priority = PRIORITIES.get(source, LOWEST_PRIORITY)
    return (*kept, Row(source, connector_id, state is EnableState.Disable, priority))


def without(rows: Rows, connector_id: int) -> Rows:
    """An absolute `enable`: of the whole EVSE, or of the connector and with it of both."""
    if connector_id == CONNECTOR:
        return ()
    return tuple(row for row in rows if row.connector_id != WHOLE_EVSE)


def disables(rows: Rows) -> bool:
    """Is the EVSE or its connector off?"""
    return bool(rows and disabling(rows))


def disabling(rows: Rows) -> tuple[EnableSource, ...]:
    """Whose word it is that the EVSE or its connector is off; nobody's when both are on."""
    decide = (_deciding(r for r in rows if r.connector_id == c) for c in (WHOLE_EVSE, CONNECTOR))
    return tuple(dict.fromkeys(row.source for row in decide if row is not None and row.disable))


def by_whom(rows: Rows) -> str:
    """`disabling` for people, each with its term of the interface; empty for nobody."""
    return " and ".join(f"{_WORDS[source]} ({source})" for source in disabling(rows))


def _deciding(rows: Iterable[Row]) -> Row | None:
    return min(rows, key=lambda row: (row.priority, not row.disable), default=None)
