"""`evse demo`: a car is charged and billed, in front of you."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

STOPPED = 130
"""Exit code of what Ctrl-C or SIGTERM ended."""


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    parser.add_argument(
        "--fast", action="store_true", help="in virtual time and one process: takes a second"
    )
    parser.add_argument("--seed", type=int, default=1, help="what is left to chance with --fast")
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), help="where the page goes (%(default)s)"
    )
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="write the lanes there too, as a picture"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep the station's state and log here"
    )
    parser.add_argument("--brief", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    from hil.demo.demo import Options, demo

    options = Options(
        fast=arguments.fast,
        brief=arguments.brief,
        seed=arguments.seed,
        out=arguments.out,
        svg=arguments.svg,
        keep=arguments.keep,
    )
    try:
        return demo(options)
    except asyncio.CancelledError:
        print("stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"the demonstration can not run: {error}", file=sys.stderr)
        return 1
