"""What can go wrong on the wire to ring 1, as one tree."""

from __future__ import annotations


class BridgeError(Exception):
    """Root of every error that firmware_bridge raises."""


class FrameError(BridgeError, ValueError):
    """A payload that no frame can carry."""


class MessageError(BridgeError, ValueError):
    """A payload that is no message of the table, or a value that its field cannot hold."""


class PortError(BridgeError, OSError):
    """A port that cannot be opened; the message names the port and the cause."""


class CaptureError(BridgeError, ValueError):
    """A capture file that cannot be read; the message names the line."""
