"""What the station tells of itself in its diagnostics: versions, settings, state. No secrets."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from evse.support.redaction import redacted
from ocpp_link.station import Station

PACKAGES = ("pievse", "msgspec", "websockets", "ocpp", "cryptography", "asyncssh")


def documents(station: Station) -> dict[str, str]:
    """Texts by name, each of them JSON."""
    return {
        "versions.json": _text(_versions(station)),
        "settings.json": _text(redacted(msgspec.to_builtins(station.settings))),
        "state.json": _text(_state(station)),
    }


def _versions(station: Station) -> dict[str, Any]:
    import platform
    from importlib.metadata import version  # 14 ms that a start is spared

    return {
        "station": msgspec.to_builtins(station.info),
        "python": sys.version,
        "system": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _state(station: Station) -> dict[str, Any]:
    boot = station.boot.status
    return {
        "time": station.timestamp(),
        "uptime_ms": station.clock.now_ms(),
        "core": station.core_up,
        "connected": station.rpc.is_open,
        "registration": boot.value if boot else "",
        "rpc": msgspec.to_builtins(station.rpc.stats),
        "evses": [msgspec.to_builtins(state) for state in station.states.values()],
        "meters": {str(evse): msgspec.to_builtins(m) for evse, m in station.meters.items()},
        "limits": {str(evse): msgspec.to_builtins(m) for evse, m in station.limits.items()},
    }


def _text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()
