"""Reads the published types off the code: pages, fields, ranges, enum values, and who uses them."""

from __future__ import annotations

import enum
import functools
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.inspect as fields_of

from evse.types.base import Closed
from evse.types.interfaces import INTERFACES

PAGES: dict[str, str] = {
    "authorization": "authorization",
    "board_support": "board_support",
    "energy": "energy",
    "evse_manager": "evse_manager",
    "session": "evse_manager",
    "iso15118": "iso15118",
    "transfer_mode": "iso15118",
    "ocpp": "ocpp",
    "ocpp_schedules": "ocpp",
    "ocpp_variables": "ocpp",
    "powermeter": "powermeter",
    "ocmf": "powermeter",
    "reservation": "reservation",
    "uk_random_delay": "uk_random_delay",
    "seed.shapes": "seed",
    "seed.session_shapes": "seed",
}
"""Module below evse.types -> page of its types."""
SEED = "seed"
ELSEWHERE: dict[str, str] = {
    "MessageContent": "text_message",
    "MessageFormat": "text_message",
    "Temperature": "temperature",
    **dict.fromkeys(
        ("Request_Exi_Stream_Schema", "Response_Exi_Stream_Status"), "iso15118_charger"
    ),
    **dict.fromkeys(("Energy", "Power", "ReactivePower", "Voltage", "Current"), "units"),
    **dict.fromkeys(("Frequency", "SignedMeterValue"), "units"),
    **dict.fromkeys(("SignedEnergy", "SignedPower", "SignedReactivePower"), "units_signed"),
    **dict.fromkeys(("SignedVoltage", "SignedCurrent", "SignedFrequency"), "units_signed"),
}
"""Type -> its page, where that is not its module's."""


@functools.cache
def pages() -> dict[str, dict[str, type[Any]]]:
    """Page -> name -> type, in the order of the alphabet."""
    found: dict[str, dict[str, type[Any]]] = {}
    for module, page in PAGES.items():
        for type_ in types_in(module):
            found.setdefault(ELSEWHERE.get(type_.__name__, page), {})[type_.__name__] = type_
    return {page: dict(sorted(types.items())) for page, types in sorted(found.items())}


def types_in(module: str) -> Iterator[type[Any]]:
    """The structs and enums that `evse.types.<module>` defines."""
    loaded = importlib.import_module(f"evse.types.{module}")
    for type_ in vars(loaded).values():
        if inspect.isclass(type_) and type_.__module__ == loaded.__name__:
            yield type_


@functools.cache
def anchors() -> dict[type[Any], str]:
    """Type -> `page-Type`, as the pages refer to it."""
    return {
        type_: f"{page}-{name}" for page, types in pages().items() for name, type_ in types.items()
    }


def is_enum(type_: type[Any]) -> bool:
    return issubclass(type_, enum.Enum)


def is_closed(type_: type[Any]) -> bool:
    return issubclass(type_, Closed)


def fields(type_: type[Any]) -> tuple[fields_of.Field, ...]:
    """The fields of a struct, in the code's order."""
    info = fields_of.type_info(type_)
    assert isinstance(info, fields_of.StructType), type_
    return info.fields


def plain(info: fields_of.Type) -> tuple[fields_of.Type, str]:
    """A type without what is merely said of it, and what is said (a unit)."""
    if not isinstance(info, fields_of.Metadata):
        return info, ""
    said = (info.extra_json_schema or {}).get("description", "")
    return info.type, str(said)


def parts(info: fields_of.Type) -> Iterator[type[Any]]:
    """The structs and enums that a type consists of, not looking into structs."""
    match plain(info)[0]:
        case fields_of.StructType(cls=cls) | fields_of.EnumType(cls=cls):
            yield cls
        case fields_of.VarTupleType(item_type=item):
            yield from parts(item)
        case fields_of.UnionType(types=types):
            for each in types:
                yield from parts(each)
        case _:
            return


def reach(type_: Any, seen: set[type[Any]] | None = None) -> set[type[Any]]:
    """`type_` and every type within it."""
    found: set[type[Any]] = set() if seen is None else seen
    for part in parts(fields_of.type_info(type_)):
        if part in found:
            continue
        found.add(part)
        if issubclass(part, msgspec.Struct):
            for field in fields(part):
                for inner in parts(field.type):
                    reach(inner, found)
    return found


@functools.cache
def emitted() -> dict[type[Any], list[str]]:
    """Type -> the variables and results that bring it."""
    ways = [(f"{i.name}.{v.name}", v.type) for i in INTERFACES for v in i.variables]
    ways += [(f"{i.name}.{c.name}()", c.result) for i in INTERFACES for c in i.commands if c.result]
    return _by_type(ways)


@functools.cache
def accepted() -> dict[type[Any], list[str]]:
    """Type -> the arguments that take it."""
    return _by_type(
        [
            (f"{i.name}.{c.name}({a.name})", a.type)
            for i in INTERFACES
            for c in i.commands
            for a in c.arguments
        ]
    )


def _by_type(ways: list[tuple[str, Any]]) -> dict[type[Any], list[str]]:
    found: dict[type[Any], list[str]] = {}
    for way, type_ in ways:
        for each in reach(type_):
            found.setdefault(each, []).append(way)
    return found
