"""What can go wrong with a file; each class is also the builtin it resembles."""

from __future__ import annotations

from ocpp_link.errors import LinkError
from ocpp_link.files.jobs import Outcome


class FileError(LinkError):
    """Root of this room. `outcome` is what the job that met it ends with."""

    outcome = Outcome.FAILED


class LocationInvalid(FileError, ValueError):
    """A text that names no place."""

    outcome = Outcome.BAD_LOCATION


class ProtocolUnsupported(FileError, ValueError):
    """A place that is reached by a protocol that this station, or its server, does not speak."""

    outcome = Outcome.UNSUPPORTED


class AccessRefused(FileError, PermissionError):
    """The server wants other credentials, or none may do that there."""

    outcome = Outcome.REFUSED


class NotThere(FileError, FileNotFoundError):
    """The server does not have the file, or the directory."""

    outcome = Outcome.NOT_FOUND


class ServerUntrusted(FileError, ConnectionError):
    """The server did not prove who it is."""

    outcome = Outcome.UNTRUSTED


class Interrupted(FileError, ConnectionError):
    """The connection went, or could not be made; what came so far is kept."""

    outcome = Outcome.UNREACHABLE


class TransferStalled(FileError, TimeoutError):
    """Nothing moved for too long."""

    outcome = Outcome.TIMEOUT


class FileTooLarge(FileError, ValueError):
    """More than this station takes."""

    outcome = Outcome.TOO_LARGE


class DiskFull(FileError, OSError):
    """Too little room for it on the station."""

    outcome = Outcome.NO_SPACE


class PackageInvalid(FileError, ValueError):
    """A firmware package that is broken, foreign, or not signed as it has to be."""

    outcome = Outcome.INVALID_PACKAGE
