"""Every name, field and enum value of the published pages is in the code, in their spelling."""

from __future__ import annotations

import math
from typing import Any

import msgspec.inspect as fields_of
import pytest
from published import ALL, LIMITS, PAGES, TYPES, name_of, named

from evse.door.methods import TABLE
from evse.door.variables import VARIABLES
from evse.types.interface_model import Interface
from evse.types.interfaces import INTERFACES
from evse.types.seed.table import SHAPES
from hil.docs.interface_types import anchors, fields, is_closed, is_enum, pages, plain

BARE = {"string": str, "boolean": bool, "integer": int}
EXTRAS = {
    "evse_manager.enable_disable",
    "evse_manager.ready",
    "evse_manager.selected_protocol",
    "evse_manager.powermeter_public_key_ocmf",
}
"""Of the present generation of the page (spec A1.1, A1.2), served beside what is asked for."""
OURS_TO_NAME = {"ocpp-OperationMode": "its values stand on the page without a name"}
BY_NAME = {interface.name: interface for interface in INTERFACES}


def page_type(info: fields_of.Type) -> str:
    """A type as the pages write it."""
    match plain(info)[0]:
        case fields_of.StructType(cls=cls) | fields_of.EnumType(cls=cls):
            return anchors()[cls]
        case fields_of.VarTupleType(item_type=item):
            return f"array of {page_type(item)}"
        case fields_of.UnionType(types=types):
            return page_type(types[0])
        case fields_of.StrType():
            return "string"
        case fields_of.IntType():
            return "integer"
        case fields_of.FloatType():
            return "number"
        case fields_of.BoolType():
            return "boolean"
        case other:
            raise AssertionError(other)


def written(type_: Any) -> str:
    return "void" if type_ is None else page_type(fields_of.type_info(type_))


def described(interface: Interface) -> dict[str, Any]:
    """An interface in the form of the pages' data."""
    return {
        "variables": {v.name: written(v.type) for v in interface.variables},
        "commands": {
            c.name: {
                "arguments": {a.name: written(a.type) for a in c.arguments},
                "result": written(c.result),
            }
            for c in interface.commands
        },
    }


@pytest.mark.parametrize("name", PAGES["interfaces"])
def test_an_interface_has_every_variable_command_argument_and_result(name: str) -> None:
    assert described(BY_NAME[name]) == PAGES["interfaces"][name]


def test_no_interface_is_there_that_no_page_has() -> None:
    assert sorted(BY_NAME) == sorted(PAGES["interfaces"])


def test_the_pages_have_as_many_members_as_they_should() -> None:
    """Guards the data itself: evse_manager has 10 variables and 15 commands."""
    counts = {n: (len(p["variables"]), len(p["commands"])) for n, p in PAGES["interfaces"].items()}
    assert counts == {
        "evse_manager": (10, 15),
        "iso15118_extensions": (4, 1),
        "ocpp": (7, 7),
        "ocpp_1_6_charge_point": (3, 6),
    }
    assert len(PAGES["ocpp"]["ChargingSchedulePeriod"]["fields"]) == 22


@pytest.mark.parametrize("name", PAGES["ocpp"])
def test_a_type_of_the_ocpp_page_has_every_field_and_value(name: str) -> None:
    page, type_ = PAGES["ocpp"][name], pages()["ocpp"][name]
    if "enum" in page:
        assert [member.value for member in type_] == page["enum"]
        return
    unnamed = page.get("enums", {}) | {"charging_rate_unit": ["A", "W"]}
    found = {field.encode_name: field.type for field in fields(type_)}
    assert found.keys() == page["fields"].keys()
    for field, wanted in page["fields"].items():
        if wanted == "string" and field in unnamed:
            info = found[field]
            assert isinstance(info, fields_of.EnumType)
            assert [member.value for member in info.cls] == unnamed[field]
        else:
            assert page_type(found[field]) == wanted, field


ROWS = [(page, name, row) for page, types in TYPES.items() for name, row in types.items()]


@pytest.mark.parametrize(("page", "name", "row"), ROWS, ids=[f"{p}-{n}" for p, n, _ in ROWS])
def test_a_type_has_every_field_and_value_and_what_is_required(
    page: str, name: str, row: str
) -> None:
    kind, _, words = row.partition(": ")
    type_ = pages()[page][name]
    if kind == "enum":
        assert [member.value for member in type_] == words.split()
        return
    assert is_closed(type_) == (kind == "closed")
    listed = set(words.split())
    if page in PAGES:
        own = PAGES[page].get(name, {"fields": {}})["fields"]
        listed |= own.keys() - {word.rstrip("!") for word in listed}
    found = {f"{field.encode_name}{'!' * field.required}" for field in fields(type_)}
    assert found == listed


def test_every_type_of_the_code_is_in_the_data() -> None:
    listed = {f"{page}-{name}" for page, types in TYPES.items() for name in types}
    listed |= {f"ocpp-{name}" for name in PAGES["ocpp"]} | OURS_TO_NAME.keys()
    assert {name_of(type_) for type_ in ALL} == listed


def test_a_name_means_one_type() -> None:
    """Older spellings are found by the name of the type."""
    names = [type_.__name__ for type_ in ALL]
    assert sorted(set(names)) == sorted(names)


def limits_of(info: fields_of.Type) -> list[float]:
    match plain(info)[0]:
        case fields_of.IntType(ge=least, le=most) | fields_of.FloatType(ge=least, le=most):
            return [-math.inf if least is None else least, math.inf if most is None else most]
        case (
            fields_of.StrType(min_length=least, max_length=most)
            | fields_of.VarTupleType(min_length=least, max_length=most)
        ):
            return [least or 0, math.inf if most is None else most]
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("name", LIMITS)
def test_a_field_has_the_published_limits(name: str) -> None:
    type_name, _, field_name = name.partition(".")
    (info,) = (f.type for f in fields(named(type_name)) if f.encode_name == field_name)
    assert limits_of(info) == LIMITS[name]


def spellings(type_: Any) -> set[str]:
    """A published type, and the one of the internal model that reads it, too."""
    models = (model for model, shapes in SHAPES.items() if shapes.seed is type_ and shapes.accepted)
    return {written(type_), *map(written, models)}


def test_what_the_door_serves_takes_the_published_arguments_and_beside_them_optional_ones() -> None:
    for interface in INTERFACES:
        for command in interface.commands:
            row = TABLE.get(f"{interface.name}.{command.name}")
            if row is None:
                continue
            found = {field.encode_name: field for field in fields(row[0])}
            for argument in command.arguments:
                field = found.pop(argument.name)
                assert field.required
                assert page_type(field.type) in spellings(argument.type)
            assert not [name for name, field in found.items() if field.required]


def test_the_door_serves_no_other_member_of_a_published_interface() -> None:
    published = {f"{i.name}.{v.name}" for i in INTERFACES for v in i.variables}
    published |= {f"{i.name}.{c.name}" for i in INTERFACES for c in i.commands}
    served = {name for name in TABLE.keys() | VARIABLES if name.partition(".")[0] in BY_NAME}
    assert served - published == EXTRAS


def test_an_enum_is_named_by_its_values() -> None:
    for type_ in ALL:
        if is_enum(type_):
            for member in type_:
                assert member.name == member.value or (type_.__name__, member.value) == (
                    "Ampacity",
                    "None",  # a keyword of Python
                )
