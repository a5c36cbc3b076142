"""The table of variables (`catalogue.toml`), read and checked."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

import msgspec

from ocpp_link.device.settings import Settings
from ocpp_link.device.values import LISTS, DataType, Value, parse

CATALOGUE = Path(__file__).with_name("catalogue.toml")


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variable. Exactly one of `field`, `fact`, `const`, `secret`, `view` is set."""

    component: str
    variable: str
    type: DataType
    instance: str = ""
    field: str = ""
    """Of Settings."""
    fact: str = ""
    """Told by the part that knows it; see DeviceModel.facts."""
    const: str | None = None
    settable: bool = False
    """Of a `const`: it may be written, though with no other value."""
    secret: str = ""
    """Written through DeviceModel.guards, never read."""
    view: str = ""
    """A part of something else; see DeviceModel.views. Never in the catalogue."""
    unit: str = ""
    min: int | None = None
    max: int | None = None
    max_length: int = 1_000
    values: tuple[str, ...] = ()
    """Of a list: its possible members."""
    check: str = ""
    """A rule of its own (checks.py)."""
    v16: str = ""
    """Its key in OCPP 1.6; empty = none."""
    evse: int | None = None
    connector: int | None = None

    @property
    def is_read_only(self) -> bool:
        return not (self.field or self.secret or self.view or self.settable)

    def parsed(self, text: str) -> Value:
        """Raises ValueError for a text that is no value of this variable."""
        if len(text) > self.max_length:
            raise ValueError(f"at most {self.max_length} characters")
        value = parse(text if self.secret else text.strip(), self.type)
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._in_range(value)
        if self.values:
            value = self._listed(value)
        return value

    def _in_range(self, value: float) -> None:
        if self.min is not None and value < self.min:
            raise ValueError(f"at least {self.min}")
        if self.max is not None and value > self.max:
            raise ValueError(f"at most {self.max}")

    def _listed(self, value: Value) -> Value:
        canonical = {name.casefold(): name for name in self.values}
        members = value if isinstance(value, tuple) else (str(value),)
        unknown = [name for name in members if name.casefold() not in canonical]
        if unknown:
            raise ValueError(f"{unknown[0][:40]!r} is none of {', '.join(self.values)}")
        named = tuple(canonical[name.casefold()] for name in members)
        return named if self.type in LISTS else named[0]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variable: tuple[Row, ...]


@functools.cache
def load() -> tuple[Row, ...]:
    """The rows of the catalogue. Raises ValueError where it contradicts Settings or itself."""
    with CATALOGUE.open("rb") as file:
        rows = msgspec.convert(tomllib.load(file), _File).variable
    fields = [row.field for row in rows if row.field]
    if sorted(fields) != sorted(Settings.__struct_fields__):
        odd = set(fields) ^ set(Settings.__struct_fields__)
        raise ValueError(f"{CATALOGUE.name} and Settings differ in {sorted(odd)}")
    for row in rows:
        if sum((bool(row.field), bool(row.fact), row.const is not None, bool(row.secret))) != 1:
            raise ValueError(f"{CATALOGUE.name}: {row.component}.{row.variable} is of no one kind")
    return rows
