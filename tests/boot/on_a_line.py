"""A person at a serial line inside the container: `python on_a_line.py LINE...`.

Starts the console on a pseudo-terminal, types each LINE and prints all that is to be read there.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

QUIET_S = 2.0
"""For an answer to end."""


def read(line: int) -> str:
    """Until nothing came for a while."""
    found = b""
    while select.select([line], (), (), QUIET_S)[0]:
        found += os.read(line, 4096)
    return found.decode(errors="replace")


def main(typed: list[str]) -> None:
    line, other = os.openpty()
    unit = "pievse-console@" + os.ttyname(other).removeprefix("/dev/").replace("/", "-")
    subprocess.run(("systemctl", "start", unit), check=True)
    time.sleep(QUIET_S)
    print(read(line))
    for text in typed:
        os.write(line, f"{text}\r".encode())
        print(read(line))
    subprocess.run(("systemctl", "stop", unit), check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
