"""The part of `docs/interface.md` on the OCPP link's own door: what is there alone, and prices."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import msgspec.inspect as fields_of

from evse.types.interfaces_ocpp import OCPP, OCPP_1_6_CHARGE_POINT
from hil.docs.interface_types import anchors, fields, is_enum, plain
from ocpp_link.door.following import VARIABLES
from ocpp_link.door.methods import TABLE
from ocpp_link.door.params import ClaimVendor
from ocpp_link.pricing import types as prices
from ocpp_link.pricing.types import PRICING

_OWN = """\
The OCPP process has a door of its own, `ocpp.sock` beside the core's, with the same wire and the
same roles. It serves `hello`, `subscribe` and `get` for the variables of `ocpp`,
`ocpp_1_6_charge_point` and `pricing`, and the methods of the first two; those are at the core's
door, too, which hands them on. What only the link's door has:

- A peer that has called `data_transfer.claim` serves a vendor: each DataTransfer of the back office
  for it comes as the request `data_transfer.data_transfer` with a `request`
  ([DataTransferRequest](#ocpp-DataTransferRequest)) and is to be answered with a
  [DataTransferResponse](#ocpp-DataTransferResponse) within 15 s, or the back office hears
  `Rejected`. `data_transfer.send` sends one to the back office.
- `pricing.*`, where `[ocpp.pricing]` says that somebody shows it.

`stop` is sticky: the station stays away until `restart`, also over restarts of the process. What
happens meanwhile is kept and told afterwards, for it is what the driver pays for. `get_variables`
and `set_variables` name a variable by component and variable, or by its configuration key of OCPP
1.6 in `variable.name`; then the component says nothing. A variable that can be written and not
read answers `Rejected`. What is monitored stays so over restarts; only changes by the back office
are told. `ocpp.variable_sources` tells who changed a variable last: the `source` of
`set_variables`, `csms`, or `ocpp_1_6_charge_point`. While a transaction has no id of the back
office yet, its events come without one; an `Updated` brings it."""

_PRICES = """\
What charging costs, as the back office tells it (OCA, California pricing requirements: DataTransfer
of the vendor `org.openchargealliance.costmsg`). Money is decimal, in JSON a string. Ours: no page
asks for it. A running cost is told anew each 10 s with an estimate, which bills nothing."""


def link_names() -> frozenset[str]:
    """The commands and variables that the OCPP link serves."""
    return frozenset({*TABLE, *VARIABLES})


def link_sections() -> Iterator[str]:
    """The sections, from the tables of ocpp_link/door and the types of ocpp_link/pricing."""
    yield "## At the link's own door"
    yield _OWN
    yield "\n".join(_methods())
    yield f"## {PRICING.name}"
    yield _PRICES
    yield "\n".join(_variables())
    for type_ in vars(prices).values():
        is_struct = isinstance(type_, type) and issubclass(type_, msgspec.Struct)
        if is_struct and type_.__module__ == prices.__name__:
            yield f"**{type_.__name__}**: {', '.join(_fields(type_))}"


def _methods() -> Iterator[str]:
    """Those that no page asks for."""
    pages = (OCPP, OCPP_1_6_CHARGE_POINT)
    asked_for = {f"{page.name}.{command.name}" for page in pages for command in page.commands}
    own: dict[str, type[msgspec.Struct]] = {"data_transfer.claim": ClaimVendor}
    own |= {name: type_ for name, (type_, _) in TABLE.items() if name not in asked_for}
    yield "| method | params |"
    yield "|---|---|"
    for name, type_ in sorted(own.items()):
        params = ", ".join(f"`{field}`" for field in type_.__struct_encode_fields__)
        yield f"| `{name}` | {params} |"


def _variables() -> Iterator[str]:
    yield "| variable | type | |"
    yield "|---|---|---|"
    for variable in PRICING.variables:
        yield f"| `pricing.{variable.name}` | {variable.type.__name__} | {variable.says} |"


def _fields(type_: type[msgspec.Struct]) -> Iterator[str]:
    for field in fields(type_):
        optional = "" if field.required else ", optional"
        yield f"`{field.encode_name}` ({_text(field.type)}{optional})"


def _text(info: fields_of.Type) -> str:
    match plain(info)[0]:
        case fields_of.StructType(cls=cls) | fields_of.EnumType(cls=cls) if cls in anchors():
            return f"[{cls.__name__}](#{anchors()[cls]})"
        case fields_of.EnumType(cls=cls) if is_enum(cls):
            return " or ".join(f"`{member.value}`" for member in cls)
        case fields_of.StructType(cls=cls):
            return cls.__name__
        case fields_of.VarTupleType(item_type=item):
            return f"array of {_text(item)}"
        case fields_of.UnionType(types=types):
            return " or ".join(_text(each) for each in types if not _is_unset(each))
        case fields_of.DecimalType():
            return "decimal"
        case other:
            return _PLAIN[type(other)]


def _is_unset(info: fields_of.Type) -> bool:
    return isinstance(info, fields_of.CustomType)


_PLAIN: dict[type[fields_of.Type], str] = {
    fields_of.StrType: "string",
    fields_of.IntType: "integer",
}
