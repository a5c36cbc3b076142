"""One golden JSON for each published type: hand-made values in the shape that the code tells.

A struct has all its fields, save those that exclude one another; structs within it have those that
are required. An enum is the list of its values. `python -m hil.docs.interface_golden`
writes the files.
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as fields_of

from hil.docs.interface_types import fields, is_enum, pages, plain

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "data" / "interface"
VALUES = Path(__file__).with_name("interface_values.toml")
_INSTANT = "2026-11-21T08:30:00.000Z"
_MAC = "02:42:AC:11:00:02"


@functools.cache
def _values() -> dict[str, Any]:
    return tomllib.loads(VALUES.read_text(encoding="utf-8"))


def golden_files() -> dict[str, str]:
    """`page/Type.json` -> its text."""
    return {
        f"{page}/{name}.json": golden_json(type_)
        for page, types in pages().items()
        for name, type_ in types.items()
    }


def golden_json(type_: type[Any]) -> str:
    """The golden text of a type, indented, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(golden(type_)), indent=2).decode() + "\n"


def golden(type_: type[Any]) -> Any:
    """A value of a struct; of an enum all values. Raises ValidationError where a value is bad."""
    if is_enum(type_):
        return tuple(type_.__members__.values())
    return msgspec.convert(_struct(type_, whole=True), type_)


def _struct(type_: type[Any], *, whole: bool) -> dict[str, Any]:
    """Plain JSON of a struct: all its fields, or those that are required or asked for."""
    own: dict[str, Any] = _values()["types"].get(type_.__name__, {})
    left_out, also, made = own.get("without", []), own.get("within", []), own.get("with", {})
    return {
        field.encode_name: made[field.encode_name] if field.encode_name in made else _value(field)
        for field in fields(type_)
        if field.encode_name not in left_out
        and (whole or field.required or field.encode_name in also)
    }


def _value(field: fields_of.Field) -> Any:
    return _example(plain(field.type)[0], field.encode_name)


def _example(info: fields_of.Type, name: str) -> Any:
    info = plain(info)[0]
    match info:
        case fields_of.StructType(cls=cls):
            return _struct(cls, whole=False)
        case fields_of.EnumType(cls=cls):
            return next(iter(cls)).value
        case fields_of.VarTupleType(item_type=item, min_length=least):
            return [_example(item, name)] * max(1, least or 0)
        case fields_of.UnionType(types=types):
            return _example(types[0], name)
        case fields_of.StrType():
            return _text(info, name)
        case fields_of.BoolType():
            return True
        case fields_of.IntType() | fields_of.FloatType():
            return _number(info, name)
        case _:
            return _values()["values"][name]


def _text(info: fields_of.StrType, name: str) -> str:
    if info.pattern and "T" in info.pattern:
        return _INSTANT
    if info.pattern and ":" in info.pattern:
        return _MAC
    text: str = _values()["values"].get(name, name)
    return text[: info.max_length]


def _number(info: fields_of.IntType | fields_of.FloatType, name: str) -> float:
    known: float | None = _values()["values"].get(name)
    return info.ge or 1 if known is None else known


def write() -> None:
    """Write every file and remove those of types that are gone."""
    files = golden_files()
    for old in GOLDEN.rglob("*.json"):
        if old.relative_to(GOLDEN).as_posix() not in files:
            old.unlink()
    for name, text in files.items():
        path = GOLDEN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
