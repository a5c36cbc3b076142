"""The device model: every variable of the station, read and written by whoever may.

The back office (as configuration keys in 1.6, as variables of components in 2.0.1), the door and
the station's own parts see the same values. A value that was changed is durable and in effect
before anybody is told that it was accepted.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ocpp_link.device.catalogue import Row, load
from ocpp_link.device.checks import CHECKS
from ocpp_link.device.settings import Settings
from ocpp_link.device.values import Value, text_of

Place = tuple[str, str, str, int | None, int | None]
"""Component, variable, instance, EVSE, connector; names in lower case."""
Guard = Callable[[Any], "WriteStatus"]


class View(msgspec.Struct, frozen=True):
    """A variable that is a part of something else: how it is read and written as text."""

    read: Callable[[], str]
    write: Callable[[str], WriteStatus]


OnChange = Callable[[Row, str], None]


class WriteStatus(enum.Enum):
    ACCEPTED = "accepted"
    REBOOT_REQUIRED = "reboot required"
    REJECTED = "rejected"
    READ_ONLY = "read only"


class WriteResult(msgspec.Struct, frozen=True):
    status: WriteStatus
    says: str = ""
    """Why it was rejected."""


class DeviceModel:
    """`apply` puts new settings into effect; `facts` and `guards` are filled by the parts.

    `facts[name]()` is the text of a read-only variable as it is now. `guards[name](value)` decides
    about a value that was parsed: for a `secret` it also keeps it; for a field it may reject.
    """

    def __init__(self, current: Callable[[], Settings], apply: Callable[[Settings], None]) -> None:
        self._current = current
        self._apply = apply
        self.facts: dict[str, Callable[[], str]] = {}
        self.guards: dict[str, Guard] = {}
        self.fixed: set[str] = set()
        """Fields that nobody may change at this station."""
        self.views: dict[str, View] = {}
        self.absent: set[str] = set()
        """Fields of Settings that would do nothing here: they are no variables."""
        self.on_change: list[OnChange] = []
        self._rows: dict[Place, Row] = {}
        self._keys: dict[str, Row] = {}
        self.add(load())

    def add(self, rows: Iterable[Row]) -> None:
        """Variables beyond the catalogue, e.g. those of each EVSE. Raises ValueError for a place
        that is taken."""
        for row in rows:
            place = _place(row.component, row.variable, row.instance, row.evse, row.connector)
            if place in self._rows:
                raise ValueError(f"{row.component}.{row.variable} is there already")
            self._rows[place] = row
            if row.v16:
                self._keys[row.v16.casefold()] = row

    @property
    def rows(self) -> list[Row]:
        """All variables that have a value here, in the order of the catalogue."""
        return [row for row in self._rows.values() if row.secret or self._exists(row)]

    def find(
        self,
        component: str,
        variable: str,
        instance: str = "",
        evse: int | None = None,
        connector: int | None = None,
    ) -> Row | None:
        row = self._rows.get(_place(component, variable, instance, evse, connector))
        return row if row and self._exists(row) else None

    def has_component(self, component: str) -> bool:
        name = component.casefold()
        return any(place[0] == name for place, row in self._rows.items() if self._exists(row))

    def key(self, name: str) -> Row | None:
        """The variable behind a configuration key of OCPP 1.6, in any case of letters."""
        row = self._keys.get(name.casefold())
        return row if row and self._exists(row) else None

    def read(self, row: Row) -> str | None:
        """The value as text; None for a secret."""
        if row.field:
            return text_of(getattr(self._current(), row.field))
        if row.fact:
            return self.facts[row.fact]()
        return self.views[row.view].read() if row.view else row.const

    def is_read_only(self, row: Row) -> bool:
        """By its kind, or at this station."""
        return row.is_read_only or row.field in self.fixed

    def write(self, row: Row, text: str) -> WriteResult:
        """Change a variable. Nothing has changed unless it was accepted."""
        if self.is_read_only(row):
            return WriteResult(WriteStatus.READ_ONLY)
        try:
            value = CHECKS[row.check](row.parsed(text))
        except ValueError as error:
            return WriteResult(WriteStatus.REJECTED, str(error))
        if row.view:
            return self._write_view(row, text)
        if row.settable:
            same = text_of(value) == row.const
            return WriteResult(WriteStatus.ACCEPTED if same else WriteStatus.REJECTED)
        guard = self.guards.get(row.field or row.secret)
        status = guard(value) if guard else WriteStatus.ACCEPTED
        if row.secret and guard is None:
            return WriteResult(WriteStatus.REJECTED, "nothing here uses it")
        if status in (WriteStatus.ACCEPTED, WriteStatus.REBOOT_REQUIRED) and row.field:
            self.set(row.field, value)
            self._tell(row, value)
        return WriteResult(status)

    def _write_view(self, row: Row, text: str) -> WriteResult:
        status = self.views[row.view].write(text)
        if status is WriteStatus.ACCEPTED:
            self._tell(row, text)
        return WriteResult(status)

    def set(self, field: str, value: Value) -> None:
        """Change a setting on the station's own account."""
        self._apply(msgspec.structs.replace(self._current(), **{field: value}))

    def _exists(self, row: Row) -> bool:
        if row.secret:
            return row.secret in self.guards
        if row.view:
            return row.view in self.views
        return row.field not in self.absent and (not row.fact or row.fact in self.facts)

    def _tell(self, row: Row, value: Value) -> None:
        for hear in self.on_change:
            hear(row, text_of(value))


def _place(
    component: str, variable: str, instance: str, evse: int | None, connector: int | None
) -> Place:
    return component.casefold(), variable.casefold(), instance.casefold(), evse, connector
