"""Configuration keys of OCPP 1.6 (§9) as a view of the neutral settings.

Only keys that have an effect here exist; any other is `NotSupported`, or in `unknownKey`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from evse.types.authorization import MAX_CONNECTION_TIMEOUT_S
from ocpp_link.device.settings import Settings
from ocpp_link.ports import StationInfo
from ocpp_link.smart.profiles import MAX_INSTALLED, MAX_PERIODS, MAX_STACK_LEVEL
from ocpp_link.v16.meter_values import MEASURANDS, is_supported

FEATURE_PROFILES = "Core,SmartCharging,RemoteTrigger"
MAX_KEYS = 50
MAX_MEASURANDS = 22
_MAX_INTEGER = 2**31 - 1
_INTEGER = re.compile(r"[0-9]{1,10}")

Parsed = object
Parse = Callable[[str], Parsed]


class Key(msgspec.Struct, frozen=True):
    """A key that writes the settings' field `field`."""

    field: str
    parse: Parse
    """Raises ValueError for a text that is no value of the key."""


def read(settings: Settings, station: StationInfo, wanted: list[str]) -> dict[str, Any]:
    """GetConfiguration.conf (§6.18): all keys, or the wanted ones."""
    known = _values(settings, station)
    names = {name.casefold(): name for name in known}
    found = [names[key.casefold()] for key in wanted if key.casefold() in names]
    unknown = [key for key in wanted if key.casefold() not in names]
    shown = dict.fromkeys(found) if wanted else known
    answer: dict[str, Any] = {
        "configurationKey": [
            {"key": name, "readonly": name not in WRITABLE, "value": known[name]} for name in shown
        ]
    }
    if unknown:
        answer["unknownKey"] = unknown
    return answer


def write(settings: Settings, station: StationInfo, key: str, value: str) -> tuple[str, Settings]:
    """ChangeConfiguration (§5.3): the status to answer, and the settings from now on."""
    names = {name.casefold(): name for name in _values(settings, station)}
    name = names.get(key.casefold())
    if name is None:
        return "NotSupported", settings
    if name not in WRITABLE:
        return "Rejected", settings
    entry = WRITABLE[name]
    try:
        parsed = entry.parse(value.strip())
    except ValueError:
        return "Rejected", settings
    return "Accepted", msgspec.structs.replace(settings, **{entry.field: parsed})


def _values(settings: Settings, station: StationInfo) -> dict[str, str]:
    values = {name: _text(getattr(settings, key.field)) for name, key in WRITABLE.items()}
    return values | {
        "NumberOfConnectors": str(len(station.evses)),
        "SupportedFeatureProfiles": FEATURE_PROFILES,
        "GetConfigurationMaxKeys": str(MAX_KEYS),
        "MeterValuesSampledDataMaxLength": str(MAX_MEASURANDS),
        "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
        "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
        "MaxChargingProfilesInstalled": str(MAX_INSTALLED),
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _whole(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > _MAX_INTEGER:
        raise ValueError(f"{text!r} is no whole number from 0")
    return int(text)


def _at_least_one(text: str) -> int:
    if (value := _whole(text)) < 1:
        raise ValueError("at least 1")
    return value


def _connection_timeout(text: str) -> int:
    """Never 0: an authorization that waits for ever charges whoever comes next."""
    value = _at_least_one(text)
    if value > MAX_CONNECTION_TIMEOUT_S:
        raise ValueError(f"at most {MAX_CONNECTION_TIMEOUT_S}")
    return value


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _measurands(text: str) -> tuple[str, ...]:
    wanted = tuple(part.strip() for part in text.split(",")) if text else ()
    canonical = {name.casefold(): name for name in MEASURANDS}
    wanted = tuple(canonical.get(name.casefold(), name) for name in wanted)
    if len(wanted) > MAX_MEASURANDS or not all(is_supported(name) for name in wanted):
        raise ValueError("too many measurands, or one that is not supported")
    return wanted


WRITABLE: dict[str, Key] = {
    "HeartbeatInterval": Key("heartbeat_interval_s", _at_least_one),
    "ConnectionTimeOut": Key("connection_timeout_s", _connection_timeout),
    "MeterValueSampleInterval": Key("sample_interval_s", _whole),
    "MeterValuesSampledData": Key("sampled_measurands", _measurands),
    "WebSocketPingInterval": Key("ping_interval_s", _whole),
    "TransactionMessageAttempts": Key("message_attempts", _at_least_one),
    "TransactionMessageRetryInterval": Key("message_retry_s", _whole),
    "AuthorizeRemoteTxRequests": Key("authorize_remote", _truth),
    "StopTransactionOnInvalidId": Key("stop_on_invalid", _truth),
    "LocalAuthorizeOffline": Key("authorize_offline", _truth),
}
"""The keys that the back office may change; all take effect at once."""
