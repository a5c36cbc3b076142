"""What devices do wrong: one tree, each leaf also the builtin that a caller would expect."""

from __future__ import annotations


class DriverError(Exception):
    """Anything that a device or its wire does wrong."""


class MeterError(DriverError):
    """No usable reading; the meter may answer the next time."""


class MeterUnreachable(MeterError, ConnectionError):
    """The port is not there, is held by another program, or refuses the line settings."""


class MeterTimeout(MeterError, TimeoutError):
    """Nothing came back within the answer time."""


class MeterGarbled(MeterError, ValueError):
    """Something came back that is no answer to what was asked."""


class MeterRejected(MeterError, LookupError):
    """The meter answered with a Modbus exception."""


class MeterMapError(MeterError, ValueError):
    """A register map that cannot be used."""
