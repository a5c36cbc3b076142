"""`evse run`: a whole station under one supervisor; `evse core`, `evse ocpp`: its processes."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

import msgspec

from evse.cli.greeting import first_screen
from evse.cli.places import (
    DOOR_SOCKET,
    MAX_SOCKET_PATH,
    board_explained,
    default_state_dir,
    load_or_explain,
    make_state_dir,
    somebody_at,
)
from evse.cli.places import run_dir as run_dir_of
from evse.cli.temperature import sensors_of
from evse.config.evse import MeterTable
from evse.config.meters import fitted
from evse.config.read import ConfigError
from evse.config.station import StationConfig
from evse.journal.storage import StorageError
from evse.run.process import (
    EXIT_RESTART_APPLICATION,
    EXIT_RESTART_HARDWARE,
    die_with_parent,
    log_to_stderr,
)
from evse.run.supervisor import Supervisor, Unit, python_unit
from evse.run.supervisor_door import SupervisorDoor

_log = logging.getLogger(__name__)


def add(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("--config", type=Path, required=name != "ocpp", help="station.toml")
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=default_state_dir(),
        help="where journal, session logs and sockets are (default: %(default)s)",
    )
    parser.add_argument(
        "--run-dir", type=Path, help="for sockets and ptys (default: run in the state directory)"
    )
    parser.add_argument(
        "--socket", type=Path, help="the core's door (default: door.sock in the run directory)"
    )
    if name == "run":
        parser.add_argument(
            "--metal",
            action="store_true",
            help="of a simulated station all but core and link, which somebody else starts",
        )
    if name == "ocpp":
        add_link_options(parser)
    if name in ("run", "core", "ocpp"):
        parser.add_argument(
            "--sim", action="store_true", help="simulate board, meters and car, whatever is named"
        )
    if name in ("run", "core"):
        parser.add_argument(
            "--record",
            type=Path,
            metavar="FILE",
            help="write what crosses the board's wire there, for `evse link decode`",
        )


def run(arguments: argparse.Namespace) -> int:
    config = load_or_explain(arguments.config)
    if config is None:
        return 1
    if arguments.command == "run" and not board_explained(config, arguments.config):
        return 1
    if arguments.sim:
        config = simulated(config)
    state_dir: Path = arguments.state_dir.absolute()
    run_dir: Path = (arguments.run_dir or run_dir_of(state_dir)).absolute()
    socket: Path = (arguments.socket or run_dir / DOOR_SOCKET).absolute()
    if len(str(run_dir)) > MAX_SOCKET_PATH - 20 or len(str(socket)) > MAX_SOCKET_PATH:
        print("--state-dir or --socket is too long for a Unix socket's path", file=sys.stderr)
        return 2
    try:
        make_state_dir(state_dir, config.door.group)
        run_dir.mkdir(exist_ok=True)
    except OSError as error:
        print(f"--state-dir {state_dir} can not be used: {error.strerror}", file=sys.stderr)
        return 1
    if arguments.command == "ocpp":
        return _run_ocpp(config, state_dir, socket, arguments)
    record: Path | None = arguments.record and arguments.record.absolute()
    if arguments.command == "core":
        return _run_core(config, state_dir, run_dir, socket, record)
    if arguments.metal and config.board.kind != "simulated":
        print("--metal is for a simulated board alone", file=sys.stderr)
        return 2
    wanted = units(config, arguments.config.absolute(), state_dir, socket, record, run_dir=run_dir)
    if arguments.metal:
        wanted = [unit for unit in wanted if unit.name not in ("core", "ocpp")]
    return _run_station(config, wanted, run_dir, socket)


def add_link_options(parser: argparse.ArgumentParser) -> None:
    """What the link's process takes where it has user, directories and manager of its own."""
    parser.add_argument(
        "--journal",
        type=Path,
        help="the core's, for diagnostics (default: core.db in the state directory)",
    )
    parser.add_argument(
        "--own-socket", type=Path, help="the link's own door (default: ocpp.sock beside --socket)"
    )
    parser.add_argument(
        "--units", action="store_true", help="start systemd units for what needs a privilege"
    )


def simulated(config: StationConfig) -> StationConfig:
    """The same station on a simulated board; that of a native one keeps its profile, and with it
    the drivers. Its readers stay out: cards are `evse sim swipe`. A station that says itself that
    its board is simulated keeps them, to be tried at a desk."""
    if config.board.kind == "simulated":
        return config
    board = msgspec.structs.replace(config.board, kind="simulated")
    return msgspec.structs.replace(config, board=board, rfid=())


def units(
    config: StationConfig,
    path: Path,
    state_dir: Path,
    socket: Path,
    record: Path | None = None,
    *,
    run_dir: Path | None = None,
) -> list[Unit]:
    """What `config` needs, in starting order."""
    run_dir = run_dir or run_dir_of(state_dir)
    ours = ["--config", str(path), "--state-dir", str(state_dir)]
    ours += ["--run-dir", str(run_dir), "--socket", str(socket)]
    found: list[Unit] = []
    if config.board.kind == "simulated":
        ours.append("--sim")
        metal = ("--config", str(path), "--run-dir", str(run_dir))
        found.append(python_unit("plant", "hil.plant.process", *metal, simulated_metal=True))
        board = f"{run_dir}/board.tty"
        guard = "hil.pi.guard_process" if config.board.profile else "hil.plant.guard_process"
        found.append(python_unit("guard", guard, *metal, leaves=(board,)))
        found += [_meter(name, meter, str(run_dir)) for name, meter in fitted(config)]
    elif config.board.kind == "native":
        where = ("--config", str(path), "--run-dir", str(run_dir))
        clean = ("guard", *where, "--make-safe")
        found.append(python_unit("guard", "evse", "guard", *where, afterwards=clean))
        if sensors_of(config):
            found.append(python_unit("temperature", "evse", "temperature", *where))
    recorded = () if record is None else ("--record", str(record))
    found.append(python_unit("core", "evse", "core", *ours, *recorded))
    if config.ocpp is not None:
        found.append(_link(ours, found))
    return found


def _link(arguments: list[str], others: list[Unit]) -> Unit:
    """By its exit code it takes others with it (OCPP: Reset)."""
    computer = tuple(unit.name for unit in others if not unit.simulated_metal)
    takes = {EXIT_RESTART_APPLICATION: ("core",), EXIT_RESTART_HARDWARE: computer}
    return python_unit("ocpp", "evse", "ocpp", *arguments, takes=takes)


def _meter(name: str, meter: MeterTable, run_dir: str) -> Unit:
    link, plant = f"{run_dir}/meter-{name}.tty", f"{run_dir}/meter-{name}.sock"
    signs = ["--signs"] if meter.signed else []
    arguments = ["--link", link, "--plant", plant, "--unit", str(meter.unit), *signs]
    return python_unit(
        f"meter-{name}", "hil.plant.meter_process", *arguments, simulated_metal=True, leaves=(link,)
    )


def _run_station(config: StationConfig, wanted: list[Unit], run_dir: Path, socket: Path) -> int:
    die_with_parent()
    log_to_stderr("evse")
    if any(unit.name == "core" for unit in wanted) and somebody_at(socket):
        print(f"a station is running at {socket} already", file=sys.stderr)
        return 1
    try:
        asyncio.run(_supervise(config, wanted, run_dir, socket))
    except OSError as error:
        print(f"{run_dir} can not be used: {error}", file=sys.stderr)
        return 1
    return 0


async def _supervise(
    config: StationConfig, wanted: list[Unit], run_dir: Path, socket: Path
) -> None:
    """Raises OSError, and has started nothing, when another station has the run directory."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    supervisor = Supervisor(wanted)
    door = SupervisorDoor(
        supervisor,
        run_dir,
        evses=len(config.evses),
        simulated=config.board.kind == "simulated",
        door=config.door,
    )
    await door.server.start()
    if any(unit.name == "core" for unit in wanted):  # and so somebody at a terminal
        print(first_screen(config, socket), flush=True)
    _log.info("station %s: door %s", config.station.identity, socket)
    try:
        await supervisor.run(stop)
    finally:
        await door.server.aclose()


def _run_core(
    config: StationConfig, state_dir: Path, run_dir: Path, socket: Path, record: Path | None
) -> int:
    from evse.run.core import run_core

    die_with_parent()
    log_to_stderr("core")
    try:
        return asyncio.run(
            run_core(config, state_dir=state_dir, socket=socket, run_dir=run_dir, record=record)
        )
    except (StorageError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _run_ocpp(
    config: StationConfig, state_dir: Path, socket: Path, given: argparse.Namespace
) -> int:
    from evse.run.ocpp import link_config, run_link

    die_with_parent()
    log_to_stderr("ocpp")
    try:
        link = link_config(
            config,
            state_dir=state_dir,
            door=socket,
            journal=given.journal,
            own_socket=given.own_socket,
            units=given.units,
        )
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        return asyncio.run(run_link(link))
    except StorageError as error:
        print(error, file=sys.stderr)
        return 1
