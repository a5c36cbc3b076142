"""Payload validation with the JSON schemas of the `ocpp` package, compiled when first used.

Only the package's data files are read: its Python modules, and jsonschema, are never imported.
Incoming payloads are judged leniently where real servers are known to be careless: unknown
properties and `null` for an absent one are dropped, fractions of 0.1 are left to the reader.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import msgspec

from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.rpc.codes import Code

_ACTION_NAME = re.compile(r"[A-Za-z0-9]{1,50}")

# Which of the error codes of OCPP-J (1.6 §4.2.3) a broken schema rule stands for.
_CODE_OF_RULE = {
    "type": Code.TYPE,
    "required": Code.OCCURRENCE,
    "minItems": Code.OCCURRENCE,
    "maxItems": Code.OCCURRENCE,
    "additionalProperties": Code.FORMAT,
}
_LENIENT_OUT = frozenset({"$schema", "$id", "id", "format", "multipleOf", "additionalProperties"})
_STRICT_OUT = frozenset({"$schema", "$id", "id", "multipleOf"})
"""fastjsonschema divides binary fractions for `multipleOf`, so that 16.3 is refused."""

_MAX_DEPTH = 16
"""No OCPP payload nests deeper; below this a hostile one is left as it came."""

Check = Callable[[Any], Any]


@functools.cache
def _checks_of(_version: str, _strict: bool) -> dict[tuple[str, str], Check]:
    """What has been compiled, by action and schema: once a process, whoever asks."""
    return {}


class Schemas:
    """The validator of one OCPP version: `v16`, `v201` or `v21`.

    `strict` refuses what a sender must not send (unknown properties, bad date-times); it is for
    judging what a station sends, in tests and in the demo CSMS.
    """

    def __init__(self, version: str = "v16", *, strict: bool = False) -> None:
        self._folder = _package_folder() / version / "schemas"
        self._strict = strict
        self._request = "" if version == "v16" else "Request"  # how the files are named
        self._checks = _checks_of(version, strict)

    def request(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload of a CALL. Raises PayloadInvalid, or ActionUnknown."""
        return self._validated(f"{action}{self._request}", action, payload)

    def response(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload of a CALLRESULT. Raises PayloadInvalid, or ActionUnknown."""
        return self._validated(f"{action}Response", action, payload)

    def _validated(self, name: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        check = self._check(name, action)
        try:
            check(payload)
        except fastjsonschema.JsonSchemaValueException as error:
            repaired = _without_nulls(payload)
            if self._strict or repaired == payload:
                raise _refusal(error) from error
            return self._validated(name, action, repaired)
        return payload

    def _check(self, name: str, action: str) -> Check:
        check = self._checks.get((action, name))  # `XResponse` is no action, whatever was checked
        if check is None:
            check = self._checks[action, name] = self._compiled(name, action)
        return check

    def _compiled(self, name: str, action: str) -> Check:
        path = self._folder / f"{name}.json"
        known = _ACTION_NAME.fullmatch(action) and not action.endswith(("Response", "Request"))
        if not known or not path.is_file():
            raise ActionUnknown(f"no action {action[:50]!r} in this version of OCPP")
        schema = msgspec.json.decode(path.read_bytes())
        pruned = _without_keywords(schema, _STRICT_OUT if self._strict else _LENIENT_OUT)
        compiled: Check = fastjsonschema.compile(pruned, use_default=False)
        return compiled


def _package_folder() -> Path:
    spec = importlib.util.find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package `ocpp`, which holds the JSON schemas, is missing")
    return Path(spec.submodule_search_locations[0])


def _without_keywords(schema: Any, keywords: frozenset[str]) -> Any:
    if isinstance(schema, list):
        return [_without_keywords(part, keywords) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, part in schema.items():
        if key == "properties":  # names of OCPP fields here, not keywords
            kept[key] = {name: _without_keywords(sub, keywords) for name, sub in part.items()}
        elif key not in keywords:
            kept[key] = _without_keywords(part, keywords)
    return kept


def _without_nulls(value: Any, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, dict):
        return {
            key: _without_nulls(part, depth + 1) for key, part in value.items() if part is not None
        }
    if isinstance(value, list):
        return [_without_nulls(part, depth + 1) for part in value]
    return value


def _refusal(error: fastjsonschema.JsonSchemaValueException) -> PayloadInvalid:
    code = _CODE_OF_RULE.get(error.rule or "", Code.PROPERTY)
    where = ".".join(error.path[1:]) or "payload"
    return PayloadInvalid(code, f"{where}: breaks `{error.rule}`")
