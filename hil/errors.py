"""What the bench refuses: one tree, each leaf also the natural builtin."""

from __future__ import annotations


class HilError(Exception):
    """Anything the bench refuses."""


class TimeRunsBack(HilError, ValueError):
    """A call names an instant before one that was already lived through."""


class OutOfRange(HilError, ValueError):
    """A number that no such metal has."""


class UnknownFault(HilError, ValueError):
    """A fault that the plant cannot have."""


class PlugError(HilError, ValueError):
    """A cable or car that cannot exist, or that is already there."""


class TraceError(HilError, ValueError):
    """A trace record or file that makes no sense."""


class BenchRefused(HilError, ValueError):
    """The bench can not do that, or not now."""


class BenchTimeout(HilError, TimeoutError):
    """What a test waited for did not come in time."""


class BenchTooSlow(HilError, RuntimeError):
    """A test wants to wait for longer than anybody waits in real time."""


class DutRefused(HilError, RuntimeError):
    """The station answered a call with an error."""

    def __init__(self, method: str, error: dict[str, object]) -> None:
        super().__init__(f"{method}: {error.get('message')}")
        self.method = method
        self.error = error
        """The error object of the JSON-RPC answer."""


class ClaimError(HilError, LookupError):
    """A claim about safety that no test holds."""
