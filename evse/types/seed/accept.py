"""Reads what a caller sends, in the present spelling or in that of September 2023.

Pure and total: a value that is neither stays as it is, and the decoder then says what is wrong.
What the older shapes do not say is filled in by the constants here; what the present ones have no
room for (`reason` of a validation result, `rcd_current` of a telemetry) is dropped.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Raw, UnsetType

from evse.types.authorization import AuthorizationType, IdTokenType
from evse.types.seed.spelling import ARGUMENTS, REQUEST_EXI, RESPONSE_EXI, renamed

UNNAMED_SOURCE = "external"
"""The source of a limit that came without one."""
BARE_TOKEN = (AuthorizationType.RFID, IdTokenType.ISO14443)
"""What a token is that came as a string: somebody held a card to the reader."""
TOKEN_TYPE: Mapping[str, IdTokenType] = types.MappingProxyType(
    {
        "OCPP": IdTokenType.Central,
        "RFID": IdTokenType.ISO14443,
        "Autocharge": IdTokenType.MacAddress,
        "PlugAndCharge": IdTokenType.eMAID,
    }
)
"""authorization_type -> type of a token that came without its type."""

T = TypeVar("T")


def decode(raw: bytes | Raw, type_: type[T], method: str = "") -> T:
    """`raw` JSON as `type_` (of the internal model); `method` brings its arguments' other names.

    Raises msgspec.DecodeError (ValidationError names the field).
    """
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError:
        sent = msgspec.json.decode(raw)
        meant = upgrade(type_, _arguments(method, sent))
        if meant == sent:
            raise
    return msgspec.convert(meant, type_)


def upgrade(type_: Any, value: Any) -> Any:
    """`value` (plain JSON) with every older spelling in it that `type_` knows made present."""
    rewrite = UPGRADES.get(getattr(type_, "__name__", ""))
    if rewrite is not None:
        value = rewrite(value)
    if isinstance(value, dict):
        fields = _fields(type_)
        return {
            name: upgrade(fields[name], inner) if name in fields else inner
            for name, inner in value.items()
        }
    if isinstance(value, list) and get_origin(type_) is tuple:
        return [upgrade(get_args(type_)[0], inner) for inner in value]
    return value


def _arguments(method: str, sent: Any) -> Any:
    return renamed(sent, ARGUMENTS.get(method, {})) if isinstance(sent, dict) else sent


@functools.cache
def _fields(type_: Any) -> dict[str, Any]:
    """Field -> its bare type, of a struct; of anything else nothing."""
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return {}
    return {field.encode_name: _bare(field.type) for field in msgspec.structs.fields(type_)}


def _bare(type_: Any) -> Any:
    """Without `| UnsetType` and without the limits around it."""
    while True:
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        elif get_origin(type_) in (Union, types.UnionType):
            type_ = next(arg for arg in get_args(type_) if arg is not UnsetType)
        else:
            return type_


def _stop_request(value: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(value.get("id_tag"), str)):
        return value
    authorization_type, token_type = BARE_TOKEN
    token = {"value": value["id_tag"], "type": token_type.value}
    return value | {"id_tag": {"id_token": token, "authorization_type": authorization_type.value}}


def _provided_token(value: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(value.get("id_token"), str)):
        return value
    value = dict(value)
    presented = str(value.get("authorization_type"))
    type_ = value.pop("id_token_type", TOKEN_TYPE.get(presented, IdTokenType.Central).value)
    return value | {"id_token": {"value": value["id_token"], "type": type_}}


def _token(value: Any) -> Any:
    """A parent that came as a string; a provided token's own string is dealt with above."""
    if not isinstance(value, str):
        return value
    return {"value": value, "type": IdTokenType.Central.value}


def _validation_result(value: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(value.get("reason"), str)):
        return value
    return {name: inner for name, inner in value.items() if name != "reason"}


def _sourced(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return {"value": value, "source": UNNAMED_SOURCE}


def _telemetry(value: Any) -> Any:
    if not (isinstance(value, dict) and "temperature" in value):
        return value
    value = {name: inner for name, inner in value.items() if name != "rcd_current"}
    return renamed(value, {"temperature": "evse_temperature_C"})


def _capabilities(value: Any) -> Any:
    """Whoever does not speak of state E cannot do it, and has a cable."""
    cautious = {"supports_cp_state_E": False, "connector_type": "IEC62196Type2Cable"}
    if not isinstance(value, dict) or cautious.keys() & value.keys():
        return value
    return value | cautious


def _signed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"signed_meter_data": value, "signing_method": "", "encoding_method": ""}


def _request_exi(value: Any) -> Any:
    return renamed(value, REQUEST_EXI) if isinstance(value, dict) else value


def _response_exi(value: Any) -> Any:
    return renamed(value, RESPONSE_EXI) if isinstance(value, dict) else value


UPGRADES: Mapping[str, Callable[[Any], Any]] = types.MappingProxyType(
    {
        "StopTransactionRequest": _stop_request,
        "ProvidedIdToken": _provided_token,
        "IdToken": _token,
        "ValidationResult": _validation_result,
        "NumberWithSource": _sourced,
        "SignedNumberWithSource": _sourced,
        "IntegerWithSource": _sourced,
        "Telemetry": _telemetry,
        "HardwareCapabilities": _capabilities,
        "SignedMeterValue": _signed,
        "RequestExiStreamSchema": _request_exi,
        "ResponseExiStreamStatus": _response_exi,
    }
)
"""Type of the internal model -> what makes the older spelling of its value present. By name, so
that nobody loads types that it has no use for."""
