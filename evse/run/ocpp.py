"""The OCPP link as a process of this station: from its configuration to ocpp_link's."""

from __future__ import annotations

import asyncio
import signal
from importlib.metadata import version
from pathlib import Path

from evse.config.load import StationConfig
from ocpp_link.ports import EvseInfo, StationInfo
from ocpp_link.process import LinkConfig, serve
from ocpp_link.settings import Settings


def link_config(config: StationConfig, *, state_dir: Path, door: Path) -> LinkConfig:
    """Raises ValueError when the configuration has no `[ocpp]`."""
    if config.ocpp is None:
        raise ValueError("the configuration has no [ocpp]")
    return LinkConfig(
        url=config.ocpp.url,
        identity=config.ocpp.identity,
        door=door,
        database=state_dir / "ocpp.db",
        station=_station(config),
        settings=Settings(
            connection_timeout_s=config.ocpp.connection_timeout_s,
            ping_interval_s=config.ocpp.ping_interval_s,
        ),
    )


def _station(config: StationConfig) -> StationInfo:
    return StationInfo(
        vendor=config.station.vendor,
        model=config.station.model,
        serial=config.station.serial,
        firmware=version("pievse"),
        nominal_voltage_v=config.evses[0].nominal_voltage_v,
        evses=tuple(
            EvseInfo(
                phases=evse.phases,
                max_current_a=evse.max_current_a,
                has_lock=evse.lock is not None,
                meter_type=evse.meter.model if evse.meter.kind != "none" else "",
            )
            for evse in config.evses
        ),
    )


async def run_link(config: LinkConfig) -> None:
    """The process's body, until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(serve(config))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
