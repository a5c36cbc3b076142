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


class BoardError(DriverError):
    """A part of the board can not be used; the computer's own pins, converters and outputs."""


class GpioUnavailable(BoardError, OSError):
    """No pin can be driven or read at all."""


class PwmGone(BoardError, OSError):
    """The hardware PWM is not there, or takes no orders."""


class PwmAltered(BoardError, RuntimeError):
    """The hardware PWM outputs what nobody here has asked for."""


class AdcSilent(BoardError, OSError):
    """The analog-to-digital converter can not be asked."""


class SensorSilent(BoardError, OSError):
    """A temperature sensor gives nothing."""


class ProfileError(BoardError, ValueError):
    """A board profile that can not be used."""


class OcmfError(DriverError):
    """A signed record that can not be judged."""


class OcmfMalformed(OcmfError, ValueError):
    """It is no OCMF, or its key is no key."""


class OcmfUnsupported(OcmfError, NotImplementedError):
    """Its algorithm is named by the format, but can not be checked here."""


class SignerRefused(MeterError, RuntimeError):
    """A meter that should sign is in a state in which it does not, or says that it can not."""
