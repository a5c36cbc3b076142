"""`evse ocpp doctor`: can a station reach this back office, and what is to be changed if not?"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from ssl import SSLContext

import msgspec

from evse.cli.places import default_socket, load_or_explain
from evse.clock import MonotonicClock
from evse.config.read import ConfigError
from evse.run.ocpp import basic_auth_key, link_config
from ocpp_link.dialects import VERSIONS, Dialects
from ocpp_link.doctor.examination import Plan, examine
from ocpp_link.doctor.finding import Finding, exit_code, report
from ocpp_link.doctor.standing import endpoint_of, roots_in
from ocpp_link.ports import StationInfo
from ocpp_link.station import utc_ms
from ocpp_link.wire.endpoint import Endpoint
from ocpp_link.wire.tls import Tls, client_context

CONFIG_VARIABLE = "PIEVSE_CONFIG"
CONFIG_PLACES = (Path("/etc/pievse/station.toml"), Path("station.toml"))


def run(arguments: argparse.Namespace) -> int:
    try:
        plan = _plan(arguments)
    except (ConfigError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if plan is None:
        return 2
    findings = asyncio.run(_examined(plan, told=not arguments.json))
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    return exit_code(findings)


async def _examined(plan: Plan, *, told: bool) -> list[Finding]:
    findings = []
    async for finding in examine(plan):
        findings.append(finding)
        if told:
            print(report(finding), flush=True)
    return findings


def _plan(arguments: argparse.Namespace) -> Plan | None:
    """None where the configuration's mistakes have been printed. Raises ConfigError, OSError or
    ValueError for what can not be used."""
    clock = MonotonicClock()
    now_ms = utc_ms(clock.utc())
    changes: dict[str, object] = {}
    if arguments.url is not None and arguments.identity is not None:
        endpoint = Endpoint(url="", identity="", tls=_trusting(None, now_ms))
        versions, station = VERSIONS, StationInfo(vendor="PiEVSE", model="doctor")
    else:
        config = load_or_explain(_config_path(arguments))
        if config is None:
            return None
        state_dir: Path = arguments.state_dir
        link = link_config(config, state_dir=state_dir, door=default_socket(state_dir))
        endpoint = endpoint_of(link.secured, now_ms)
        versions, station = link.versions, link.station
    for name in ("url", "identity", "interface"):
        if given := getattr(arguments, name):
            changes[name] = given
    if arguments.key_file is not None:
        changes["basic_auth_key"] = basic_auth_key(str(arguments.key_file), "--key-file")
    if arguments.ca is not None:
        changes["tls"] = _trusting(arguments.ca, now_ms)
    return Plan(
        endpoint=msgspec.structs.replace(endpoint, **changes),
        versions=Dialects(versions).subprotocols,
        boot_as=station if arguments.boot else None,
        utc=clock.utc,
    )


def _config_path(arguments: argparse.Namespace) -> Path:
    """Raises ValueError where no place has one."""
    named = getattr(arguments, "config", None) or os.environ.get(CONFIG_VARIABLE)
    places = [Path(named)] if named else [place for place in CONFIG_PLACES if place.exists()]
    if not places:
        if arguments.url is not None:
            raise ValueError(
                "name the station, too: --identity X, or its file by --config or "
                f"${CONFIG_VARIABLE}"
            )
        raise ValueError(
            "name a back office: evse ocpp doctor wss://host/path --identity X; or a station's "
            f"file by --config or ${CONFIG_VARIABLE}"
        )
    return places[0]


def _trusting(ca: Path | None, now_ms: int) -> Callable[[], SSLContext]:
    """The authorities of a PEM file, or the system's. Raises ValueError for a file that can
    not be used."""
    roots = roots_in(ca, "--ca") if ca else ""
    settings = Tls(roots_pem=roots, system_roots=not ca, judged_ms=now_ms)
    return lambda: client_context(settings)
