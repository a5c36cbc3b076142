"""`evse sim ...`: act on a simulated station as its driver, its car and its bad luck."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from evse.cli.ask import ask, explain
from evse.cli.places import add_socket
from evse.door.jsonrpc import RpcError

_PLAIN = {
    "plug-out": "unplug the car",
    "ev-pause": "the car stops asking for power",
    "ev-resume": "the car asks for power again",
}

_VARIANTS = "normal, sleepy, rude, simplified, slow, overcurrent or bouncing"
"""Of hil/plant/ev.py, which is not loaded for a text."""


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    add_socket(parser)
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    _plug_in(acts.add_parser("plug-in", help="plug a car in"))
    for act, text in _PLAIN.items():
        _with_evse(acts.add_parser(act, help=text))
    swipe = acts.add_parser("swipe", help="hold a card to the reader")
    swipe.add_argument(
        "token", nargs="?", default="04A1B2C3", help="what is on it (default: %(default)s)"
    )
    swipe.add_argument(
        "--evse", type=int, default=None, help="for this one (left out: as [authorization] selects)"
    )
    fault = acts.add_parser("fault", help="break something, or mend it")
    fault.add_argument(
        "fault", help="such as emergency_stop; the answer to one that is none lists them all"
    )
    fault.add_argument("--clear", action="store_true", help="mend it")
    _with_evse(fault)
    cut = acts.add_parser("power-cut", help="kill processes, or cut the whole station's power")
    cut.add_argument(
        "processes",
        nargs="*",
        help="such as core or guard (`evse state` lists them); left out, the whole station",
    )
    cut.add_argument(
        "--off-s",
        type=float,
        default=1.0,
        metavar="S",
        help="seconds until they start again (default: %(default)s)",
    )
    house = acts.add_parser(
        "house", help="what the house takes from the mains beside the EVSEs, or gives"
    )
    house.add_argument(
        "amps",
        type=float,
        nargs="*",
        action=_ThreeLines,
        metavar="A",
        help="on the lines R, S and T, below 0 from the roof: 5 3 -8; left out, it is only shown",
    )
    acts.add_parser("state", help="what the metal is really doing")


class _ThreeLines(argparse.Action):
    """None or three numbers: a line that is left out would be anybody's guess."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        _option: str | None = None,
    ) -> None:
        if len(values) not in (0, 3):
            parser.error(f"three numbers, one for each of the lines R, S and T, not {len(values)}")
        setattr(namespace, self.dest, values)


def _plug_in(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--amps",
        type=float,
        default=16.0,
        metavar="A",
        help="what the car draws at most, per phase (default: %(default)s)",
    )
    parser.add_argument(
        "--phases", type=int, default=3, choices=(1, 2, 3), help="that it draws on (default: 3)"
    )
    parser.add_argument(
        "--cable-a",
        type=int,
        default=32,
        metavar="A",
        help="rating of the cable: 13, 20, 32, 63 or 70 (default: %(default)s)",
    )
    parser.add_argument("--variant", default="normal", help=f"{_VARIANTS} (default: normal)")
    parser.add_argument(
        "--delay-s",
        type=float,
        default=0.0,
        metavar="S",
        help="seconds until the car is there (default: at once)",
    )
    _with_evse(parser)


def _with_evse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--evse", type=int, default=1, help="at which one (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    method, params = request(arguments)
    try:
        answer = ask(arguments.socket, method, params)
    except (RpcError, OSError) as error:
        return explain(error, arguments.socket)
    print(answer if isinstance(answer, str) else json.dumps(answer, indent=2))
    if arguments.act == "swipe" and answer == "Rejected":
        return _explain_rejection(arguments.socket)
    return 0


def _explain_rejection(socket: Path) -> int:
    """A refusal that is nobody's judgement: say so."""
    try:
        ocpp = ask(socket, "sys.state", {})["ocpp"]
    except (RpcError, OSError) as error:
        return explain(error, socket)
    if ocpp["needed"] and not ocpp["running"]:
        print("no back office link (OCPP process) is there to check a token", file=sys.stderr)
    return 0


def request(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """The call that a command line means."""
    act: str = arguments.act
    if act in _PLAIN:
        return f"sim.{act.replace('-', '_')}", {"evse": arguments.evse}
    if act == "plug-in":
        draw = {"amps": arguments.amps, "phases": arguments.phases}
        params = {"evse": arguments.evse, "delay_s": arguments.delay_s, "draw": draw}
        return "sim.plug_in", {
            **params,
            "cable_a": arguments.cable_a,
            "variant": arguments.variant,
        }
    if act == "swipe":
        token = {"id_token": {"value": arguments.token, "type": "ISO14443"}}
        return "sim.swipe", token if arguments.evse is None else {
            **token,
            "evses": [arguments.evse],
        }
    if act == "fault":
        active = not arguments.clear
        return "sim.set_fault", {
            "evse": arguments.evse,
            "fault": arguments.fault,
            "active": active,
        }
    if act == "power-cut":
        named = {"processes": arguments.processes} if arguments.processes else {}
        return "sim.power_cut", {**named, "off_s": arguments.off_s}
    if act == "house":
        return "sim.house", {"amps": arguments.amps} if arguments.amps else {}
    return "sim.state", {}
