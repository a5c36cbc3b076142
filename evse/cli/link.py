"""`evse link decode FILE`: a recording of the board link, one line a message."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware_bridge.capture import read_capture
from firmware_bridge.dump import dump
from firmware_bridge.errors import CaptureError


def add(parser: argparse.ArgumentParser, _name: str) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    decode = acts.add_parser("decode", help="show a recording as messages")
    decode.add_argument("file", type=Path, help="as `evse run --record FILE` writes it")


def run(arguments: argparse.Namespace) -> int:
    """Prints what can be read also of a recording that is damaged further on."""
    path: Path = arguments.file
    try:
        with path.open(encoding="ascii") as lines:
            for line in dump(read_capture(lines)):
                print(line)
    except UnicodeDecodeError:
        print(f"{path} is no recording: a recording is ASCII text", file=sys.stderr)
        return 1
    except CaptureError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"{path} can not be read: {error.strerror}", file=sys.stderr)
        return 1
    return 0
