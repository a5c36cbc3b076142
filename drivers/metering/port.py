"""The serial port of a line, tried before it is used: what is in the way gets its name."""

from __future__ import annotations

import errno
import termios

import serial

from drivers.metering.exchange import Outcome
from drivers.metering.map import Line

OBSTACLES = {
    errno.ENOENT: Outcome.PORT_MISSING,
    errno.ENODEV: Outcome.PORT_MISSING,
    errno.ENXIO: Outcome.PORT_MISSING,
    errno.EIO: Outcome.PORT_MISSING,
    errno.EAGAIN: Outcome.PORT_HELD,
    errno.EBUSY: Outcome.PORT_HELD,
    errno.EACCES: Outcome.PORT_FORBIDDEN,
    errno.EPERM: Outcome.PORT_FORBIDDEN,
    errno.EINVAL: Outcome.PORT_REFUSES,
}
_SAYS = {
    Outcome.PORT_MISSING: "is not there",
    Outcome.PORT_HELD: "is in use by another program",
    Outcome.PORT_FORBIDDEN: "may not be opened",
    Outcome.PORT_REFUSES: "refuses baud rate, parity or stop bits",
}


def obstacle(port: str, line: Line) -> tuple[Outcome, str] | None:
    """Opens and closes `port`; None if it can be used, else what is in the way, in words.

    pymodbus keeps that to itself, and leaves the port locked when the line settings are refused
    the second time that it applies them.
    """
    try:
        with serial.Serial(
            port, line.baud, parity=line.parity, stopbits=line.stop_bits, exclusive=True
        ) as device:
            device.timeout = 0
    except (OSError, termios.error) as error:
        number = error.errno if isinstance(error, OSError) else error.args[0]
        outcome = OBSTACLES.get(number or 0, Outcome.PORT_FAILED)
        return outcome, _SAYS.get(outcome, f"can not be opened: {error}")
    except ValueError as error:  # a baud rate that the system has no name for
        return Outcome.PORT_REFUSES, f"refuses {line.words}: {error}"
    return None
