"""The published pages and types, as the tests' own data, and generated values of any type."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import msgspec.inspect as fields_of
from hypothesis import strategies as st

from hil.docs.interface_golden import golden
from hil.docs.interface_types import anchors, fields, is_enum, pages, plain

DATA = Path(__file__).parents[2] / "data"
PAGES: dict[str, Any] = tomllib.loads((DATA / "interface_pages.toml").read_text("utf-8"))
TYPES: dict[str, Any] = tomllib.loads((DATA / "interface_types.toml").read_text("utf-8"))
LIMITS: dict[str, list[float]] = TYPES.pop("limits")

INSTANTS = ["2026-11-21T08:30:00Z", "1970-01-01T00:00:00.123456-12:00"]
MACS = ["02:42:AC:11:00:02", "FF:FF:FF:FF:FF:FF"]
ALL = tuple(type_ for types in pages().values() for type_ in types.values())
STRUCTS = tuple(type_ for type_ in ALL if not is_enum(type_))


def name_of(type_: type[Any]) -> str:
    return anchors()[type_]


def named(name: str) -> type[Any]:
    """The only type of that name."""
    (found,) = (type_ for type_ in ALL if type_.__name__ == name)
    return found


def json_of(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@functools.cache
def plain_values(type_: Any) -> st.SearchStrategy[Any]:
    """Plain JSON of a struct, all its optional fields sometimes there.

    A struct within it is its golden one or its smallest: each is generated on its own account.
    """
    required = {f.encode_name: _values(f.type) for f in fields(type_) if f.required}
    optional = {f.encode_name: _values(f.type) for f in fields(type_) if not f.required}
    return st.fixed_dictionaries(required, optional=optional)


def _values(info: fields_of.Type) -> st.SearchStrategy[Any]:
    info = plain(info)[0]
    match info:
        case fields_of.StructType(cls=cls):
            return st.deferred(lambda: st.sampled_from(_known(cls)))
        case fields_of.EnumType(cls=cls):
            return st.sampled_from([member.value for member in cls])
        case fields_of.VarTupleType(item_type=item, min_length=least):
            return st.lists(_values(item), min_size=least or 0, max_size=max(1, least or 0))
        case fields_of.UnionType(types=types):
            return st.one_of([_values(each) for each in types])
        case fields_of.BoolType():
            return st.booleans()
        case fields_of.IntType(ge=least, le=most):
            return st.integers(
                -(2**31) if least is None else least, 2**31 if most is None else most
            )
        case fields_of.FloatType(ge=least, le=most):
            return st.floats(least, most, allow_nan=False, allow_infinity=False)
        case fields_of.StrType(min_length=least, max_length=most, pattern=pattern):
            if pattern and ":" in pattern:
                return st.sampled_from(INSTANTS if "T" in pattern else MACS)
            letters = st.characters(codec="ascii", min_codepoint=0x20, max_codepoint=0x7E)
            alphabet = letters if pattern else st.characters(exclude_categories=["Cs"])
            return st.text(alphabet, min_size=least or 0, max_size=min(most or 8, 40))
        case _:
            return st.dictionaries(st.text(max_size=5), st.integers(), max_size=2)


@functools.cache
def whole(type_: Any) -> dict[str, Any]:
    """Plain JSON of the golden value of a struct. Not to be changed."""
    value: dict[str, Any] = json_of(golden(type_))
    return value


def _known(type_: type[Any]) -> list[dict[str, Any]]:
    most = whole(type_)
    return [most, {f.encode_name: most[f.encode_name] for f in fields(type_) if f.required}]
