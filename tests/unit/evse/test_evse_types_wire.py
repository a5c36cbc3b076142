"""Every type on the wire: it comes back as it went, and what is wrong is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import msgspec.inspect as fields_of
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published import STRUCTS, name_of, plain_values, whole

from hil.docs.interface_golden import golden
from hil.docs.interface_types import fields, is_closed, plain

EVERY_STRUCT = pytest.mark.parametrize("type_", STRUCTS, ids=name_of)
FEW = settings(max_examples=6, suppress_health_check=list(HealthCheck))


def read(type_: type[Any], value: Any) -> Any:
    return msgspec.json.decode(json.dumps(value).encode(), type=type_)


def refusal(type_: type[Any], value: Any) -> str:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(type_, value)
    return str(caught.value)


@EVERY_STRUCT
def test_a_value_comes_back_as_it_went(type_: type[Any]) -> None:
    @FEW
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        sent = data.draw(plain_values(type_))
        value = read(type_, sent)
        line = msgspec.json.encode(value)
        assert msgspec.json.decode(line, type=type_) == value
        assert b"null" not in line.replace(b'"null"', b"")
        assert msgspec.json.decode(line).keys() >= sent.keys()

    holds()


@EVERY_STRUCT
def test_a_value_cannot_be_changed(type_: type[Any]) -> None:
    value = golden(type_)
    with pytest.raises(AttributeError):
        setattr(value, type_.__struct_fields__[0], None)


@EVERY_STRUCT
def test_a_closed_type_refuses_an_unknown_field_and_an_open_one_lets_it_pass(
    type_: type[Any],
) -> None:
    sent = whole(type_)
    if is_closed(type_):
        assert "`xyzzy`" in refusal(type_, sent | {"xyzzy": 1})
    else:
        assert read(type_, sent | {"xyzzy": 1}) == read(type_, sent)


@EVERY_STRUCT
def test_null_is_refused_in_every_field_by_its_name(type_: type[Any]) -> None:
    for field in fields(type_):
        sent = whole(type_) | {field.encode_name: None}
        assert refusal(type_, sent).endswith(f"got `null` - at `$.{field.encode_name}`")


@EVERY_STRUCT
def test_a_required_field_that_is_missing_is_named(type_: type[Any]) -> None:
    for field in fields(type_):
        sent = dict(whole(type_))
        sent.pop(field.encode_name, None)
        if field.required:
            assert f"missing required field `{field.encode_name}`" in refusal(type_, sent)
        else:
            read(type_, sent)


def beyond(info: fields_of.Type) -> list[Any]:
    """Values of the right kind just outside the limits of a field."""
    match plain(info)[0]:
        case fields_of.IntType(ge=least, le=most) | fields_of.FloatType(ge=least, le=most):
            below = [] if least is None else [least - 1]
            return below + ([] if most is None else [most + 1])
        case fields_of.StrType(min_length=least, max_length=most, pattern=pattern):
            short = ["x" * (least - 1)] if least else []
            long = [] if most is None else ["x" * (most + 1)]
            return short + long + (["\n", "é"] if pattern else [])
        case fields_of.VarTupleType(min_length=least, max_length=most, item_type=item):
            one = _one(item)
            wrong = [[one] * (least - 1)] if least else []
            wrong += [] if most is None else [[one] * (most + 1)]
            return wrong + [[bad] for bad in beyond(item)]
        case fields_of.EnumType():
            return ["xyzzy", ""]
        case _:
            return []


def _one(item: fields_of.Type) -> Any:
    match plain(item)[0]:
        case fields_of.StructType(cls=cls):
            return whole(cls)
        case fields_of.EnumType(cls=cls):
            return next(iter(cls)).value
        case _:
            return 1


@EVERY_STRUCT
def test_what_is_out_of_range_is_refused_by_its_name(type_: type[Any]) -> None:
    for field in fields(type_):
        for bad in beyond(field.type):
            said = refusal(type_, whole(type_) | {field.encode_name: bad})
            assert f"`$.{field.encode_name}" in said


@EVERY_STRUCT
def test_a_field_of_another_kind_is_refused_by_its_name(type_: type[Any]) -> None:
    for field in fields(type_):
        other = [[1]] if not isinstance(plain(field.type)[0], fields_of.VarTupleType) else [{}, "x"]
        for bad in other:
            said = refusal(type_, whole(type_) | {field.encode_name: bad})
            assert f"`$.{field.encode_name}" in said
