"""A PN532 on a pseudo-terminal, for the product's own processes and for people without one.

    python -m hil.rfid.process --link /run/reader.tty

Each line of its standard input is an act: `card 04A2B3C4`, `remove`, `mute`, `speak`, `unplug`,
`plug`. It ends with its input.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from evse.clock import MonotonicClock
from hil.rfid.pn532_chip import Pn532Chip
from hil.rfid.wires import PtyReader


def act(reader: PtyReader, line: str) -> str:
    """Do what a line says; what is wrong with it, or "" ."""
    verb, _, rest = line.strip().partition(" ")
    if verb == "card":
        try:
            reader.chip.place(bytes.fromhex(rest))
        except ValueError:
            return f"{rest} is no UID in hexadecimal"
    elif verb == "remove":
        reader.chip.remove()
    elif verb in ("mute", "speak"):
        reader.chip.mute = verb == "mute"
    elif verb == "plug":
        reader.plug()
    elif verb == "unplug":
        reader.unplug()
    elif verb:
        return f"{verb} is none of card, remove, mute, speak, plug, unplug"
    return ""


async def serve(link: Path) -> None:
    """Until the standard input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    reader = PtyReader(Pn532Chip(), link, MonotonicClock())
    reader.plug()
    print(f"a PN532 is at {link}", flush=True)
    while line := await lines.readline():
        if wrong := act(reader, line.decode("ascii", "replace")):
            print(wrong, file=sys.stderr, flush=True)
    reader.unplug()


def main() -> None:
    parser = argparse.ArgumentParser(description="a PN532 on a pseudo-terminal")
    parser.add_argument("--link", type=Path, required=True, help="symbolic link to make")
    asyncio.run(serve(parser.parse_args().link))


if __name__ == "__main__":
    main()
