"""The versions of OCPP that can be spoken, each imported when a connection first agrees to it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from ocpp_link.charge_point import ServingDialect


def _v16() -> ServingDialect:
    from ocpp_link.v16.dialect import Dialect16

    return Dialect16()


def _v201() -> ServingDialect:
    from ocpp_link.v201.dialect import Dialect201

    return Dialect201()


_LOADERS: dict[str, tuple[str, Callable[[], ServingDialect]]] = {
    "1.6": ("ocpp1.6", _v16),
    "2.0.1": ("ocpp2.0.1", _v201),
}
"""By version: its name in a WebSocket handshake, and where it is."""

VERSIONS = tuple(_LOADERS)


class Dialects:
    """Those of a station, in order of preference. Raises KeyError for a version that is not
    spoken here."""

    def __init__(self, versions: tuple[str, ...] = ("1.6",)) -> None:
        self.subprotocols = tuple(_LOADERS[version][0] for version in versions)

    def speak(self, subprotocol: str) -> ServingDialect:
        return _speak(subprotocol)


@functools.cache
def _speak(subprotocol: str) -> ServingDialect:
    """The schemas that a dialect compiles are shared by all stations of the process."""
    return dict(_LOADERS.values())[subprotocol]()
