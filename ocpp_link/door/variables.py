"""The device model at the door: variables and configuration keys, read, written and monitored.

Who wrote a value last is remembered; what the back office changes is told to those who asked for
it (`event_data`, `configuration_key`). A secret can be written and is never told.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import UNSET, UnsetType

from evse.config.read import nearest
from evse.door import jsonrpc
from evse.door.jsonrpc import RpcError
from evse.types.ocpp import ConfigurationStatus, GetConfigurationResponse, KeyValue
from evse.types.ocpp_variables import (
    AttributeEnum,
    ComponentVariable,
    EventData,
    EventNotificationType,
    EventTriggerEnum,
    GetVariableRequest,
    GetVariableResult,
    GetVariableStatusEnumType,
    SetVariableRequest,
    SetVariableResult,
    SetVariableStatusEnumType,
)
from ocpp_link.device.catalogue import Row
from ocpp_link.device.model import DeviceModel, WriteStatus
from ocpp_link.door.places import find, keyed, label, shown
from ocpp_link.memory.database import Snapshot
from ocpp_link.station import Station
from ocpp_link.v16 import configuration

CSMS = "csms"
"""The source of what the back office wrote."""
DOOR = "ocpp_1_6_charge_point"
"""The source of what came through set_configuration_key, which names none."""

_GET = GetVariableStatusEnumType
_SET = SetVariableStatusEnumType
_WRITTEN = {
    WriteStatus.ACCEPTED: _SET.Accepted,
    WriteStatus.REBOOT_REQUIRED: _SET.RebootRequired,
    WriteStatus.REJECTED: _SET.Rejected,
    WriteStatus.READ_ONLY: _SET.Rejected,
}
Tell = Callable[[str, Any], None]

_log = logging.getLogger(__name__)


class DoorVariables:
    """`tell(variable, value)` publishes at the door."""

    def __init__(self, station: Station, model: DeviceModel, kept: Snapshot, *, tell: Tell) -> None:
        self._station = station
        self._model = model
        self._tell = tell
        self._is_writing = False
        self._event_ids = itertools.count(1)
        self.sources: dict[str, str] = kept.decoded("source", str)
        """Variable, as label() names it -> who changed it last."""
        self._variables = set(kept.decoded("monitored_variable", bool))
        self._keys = set(kept.decoded("monitored_key", bool))
        model.on_change.append(self._changed)

    # --- `ocpp` -----------------------------------------------------------------------------------

    def read(self, request: GetVariableRequest) -> GetVariableResult:
        wanted, row = request.component_variable, find(self._model, request.component_variable)
        value: str | UnsetType = UNSET
        if row is None:
            status = _GET(self._unknown(wanted))
        elif request.attribute_type not in (UNSET, AttributeEnum.Actual):
            status = _GET.NotSupportedAttributeType
        else:
            found = self._model.read(row)
            status = _GET.Rejected if found is None else _GET.Accepted
            value = UNSET if found is None else found
        return GetVariableResult(
            status=status,
            component_variable=wanted,
            attribute_type=request.attribute_type,
            value=value,
        )

    def write(self, request: SetVariableRequest, source: str) -> SetVariableResult:
        wanted, row = request.component_variable, find(self._model, request.component_variable)
        if row is None:
            status = _SET(self._unknown(wanted))
        elif request.attribute_type not in (UNSET, AttributeEnum.Actual):
            status = _SET.NotSupportedAttributeType
        else:
            status = _WRITTEN[self._write(row, request.value, source)]
        return SetVariableResult(
            status=status, component_variable=wanted, attribute_type=request.attribute_type
        )

    def monitor(self, wanted: Iterable[ComponentVariable]) -> None:
        """From now on `event_data` tells of these, too. Raises RpcError, and monitors none, where
        one is not here."""
        rows = [self._expected(n, each) for n, each in enumerate(wanted)]
        self._add("monitored_variable", self._variables, rows)

    # --- `ocpp_1_6_charge_point` ------------------------------------------------------------------

    def keys(self, wanted: Iterable[str]) -> GetConfigurationResponse:
        """Of all keys where none is wanted."""
        found = configuration.read(self._model, list(wanted))
        return GetConfigurationResponse(
            configuration_keys=tuple(_key_value(shown) for shown in found["configurationKey"]),
            unknown_keys=tuple(found.get("unknownKey", ())),
        )

    def set_key(self, key: str, value: str) -> ConfigurationStatus:
        row = self._model.key(key)
        if row is None:
            return ConfigurationStatus.NotSupported
        return ConfigurationStatus(configuration.STATUS[self._write(row, value, DOOR)])

    def monitor_keys(self, wanted: Iterable[str]) -> None:
        """As `monitor`, for `configuration_key`."""
        rows = [self._expected_key(n, key) for n, key in enumerate(wanted)]
        self._add("monitored_key", self._keys, rows)

    # --- inside -----------------------------------------------------------------------------------

    def _write(self, row: Row, text: str, source: str) -> WriteStatus:
        self._is_writing = True
        try:
            result = self._model.write(row, text)
        finally:
            self._is_writing = False
        if result.status in (WriteStatus.ACCEPTED, WriteStatus.REBOOT_REQUIRED):
            _log.info("%s was set by %s", label(row), source)
            self._note_source(row, source)
        return result.status

    def _changed(self, row: Row, text: str) -> None:
        """Somebody changed a variable that can be read: the back office, where not the door."""
        if self._is_writing:
            return
        self._note_source(row, CSMS)
        if label(row) in self._variables:
            self._tell("ocpp.event_data", self._event(row, text))
        if row.v16 and label(row) in self._keys:
            (value,) = self.keys([row.v16]).configuration_keys
            self._tell("ocpp_1_6_charge_point.configuration_key", value)

    def _event(self, row: Row, text: str) -> EventData:
        """Named by its configuration key where it has one: whoever knows 1.6 alone knows that."""
        return EventData(
            component_variable=keyed(row),
            event_id=next(self._event_ids),
            timestamp=self._station.timestamp(),
            trigger=EventTriggerEnum.Delta,
            actual_value=text,
            event_notification_type=EventNotificationType.CustomMonitor,
        )

    def _unknown(self, wanted: ComponentVariable) -> str:
        known = self._model.has_component(wanted.component.name)
        return "UnknownVariable" if known or not wanted.component.name else "UnknownComponent"

    def _note_source(self, row: Row, source: str) -> None:
        name = label(row)
        if self.sources.get(name) != source:
            self.sources[name] = source
            self._station.keep("source", name, source)

    def _expected(self, index: int, wanted: ComponentVariable) -> Row:
        row = find(self._model, wanted)
        if row is None:
            name = f"{wanted.component.name}.{wanted.variable.name}"
            known = [label(known) for known in self._model.rows]
            raise _not_here(name, f"component_variables[{index}]", known)
        return row

    def _expected_key(self, index: int, key: str) -> Row:
        row = self._model.key(key)
        if row is None:
            known = [known.v16 for known in self._model.rows if known.v16]
            raise _not_here(key, f"keys[{index}]", known)
        return row

    def _add(self, kind: str, monitored: set[str], rows: list[Row]) -> None:
        for name in {label(row) for row in rows} - monitored:
            monitored.add(name)
            self._station.keep(kind, name, True)


def _key_value(shown: dict[str, Any]) -> KeyValue:
    """Of an entry of GetConfiguration.conf."""
    return KeyValue(key=shown["key"], read_only=shown["readonly"], value=shown.get("value", UNSET))


def _not_here(name: str, field: str, known: list[str]) -> RpcError:
    return RpcError(
        jsonrpc.INVALID_PARAMS,
        f"{field} {name} is not here{nearest(name, known)}",
        {"field": field},
    )


def sources_of(model: DeviceModel, sources: dict[str, str]) -> list[dict[str, Any]]:
    """The variables that somebody changed, and who did."""
    return [
        {"component_variable": shown(row), "source": sources[label(row)]}
        for row in model.rows
        if label(row) in sources
    ]
