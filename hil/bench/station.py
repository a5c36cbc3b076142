"""The station that a test asks for, and its configuration file."""

from __future__ import annotations

from typing import Literal

import msgspec

from evse.config.load import parse
from evse.config.station import StationConfig

TOKENS = ("04A1B2C3", "04D4E5F6")
"""Accepted where `authorization` is `list`."""


class StationSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What tests vary; the same on every bench (`@pytest.mark.station(default_a=10.0)`)."""

    evses: int = 1
    connector: Literal["socket", "cable"] = "socket"
    max_current_a: float = 32.0
    phases: Literal[1, 3] = 3
    phase_switch: Literal["never", "oneway", "both"] = "never"
    """Other than never: a phase contact is fitted, and used."""
    ventilation: bool = False
    default_a: float | None = 16.0
    """The configured limit; None: that of the hardware alone."""
    authorization: Literal["free", "list", "ocpp"] = "free"
    meter: bool = True
    meter_signed: bool = False
    """It signs each transaction (OCMF)."""
    meter_poll_ms: int = 1_000
    meter_lost_ms: int = 10_000
    fail_on_meter_errors: bool = True
    raise_mrec9: bool = False
    back_office: bool = False
    """One is configured, whatever authorizes."""
    fuse_a: float | None = None
    """What the EVSEs share per phase; None: each has all of its own."""
    unlock_after_stop: bool = True
    timing: dict[str, int] = {}
    """Sparse changes of the guard's times, for tests of the bench itself."""
    native: bool = False
    """Real processes only: the guard's pins are those of the native board, on fakes."""

    def toml(self, *, meter_ports: tuple[str, ...] = (), ocpp_url: str = "") -> str:
        """The configuration file; without `ocpp_url` there is no back office. `meter_ports` are
        the meters' serial ports, one an EVSE, where there are any."""
        lines = ["[station]", 'identity = "BENCH-1"', "[board]", *self._board()]
        if self.fuse_a is not None:
            lines.insert(2, f"fuse_a = {self.fuse_a}")
        for evse in range(1, self.evses + 1):
            lines += self._evse(evse, meter_ports[evse - 1] if meter_ports else self._port)
        lines += ["[authorization]", f'mode = "{self.authorization}"']
        if self.authorization == "list":
            lines.append(f"tokens = {list(TOKENS)}")
        if ocpp_url or self.back_office or self.authorization == "ocpp":
            lines += ["[ocpp]", f'url = "{ocpp_url or "ws://127.0.0.1:9/ocpp"}"']
        if self.default_a is not None:
            lines += ["[limits]", f"default_a = {self.default_a}"]
        return "\n".join(lines) + "\n"

    @property
    def _port(self) -> str:
        """A native station must name one, which a simulation then leaves alone."""
        return "/dev/ttyAMA0" if self.native else ""

    def _board(self) -> list[str]:
        if not self.native:
            return ['kind = "simulated"']
        return ['kind = "native"', 'profile = "pievse-reference"', "bench = true"]

    def _evse(self, evse: int, meter_port: str) -> list[str]:
        lines = [
            "[[evse]]",
            f"id = {evse}",
            f'evse_id = "DE*PNX*E{evse:07}*1"',
            f'connector = "{self.connector}"',
            f"max_current_a = {self.max_current_a}",
            f"phases = {self.phases}",
            f"ventilation = {str(self.ventilation).lower()}",
            f"fail_on_meter_errors = {str(self.fail_on_meter_errors).lower()}",
            f"raise_mrec9 = {str(self.raise_mrec9).lower()}",
            "[evse.phase_switch]",
            f'mode = "{self.phase_switch}"',
            "[evse.meter]",
            f'kind = "{"modbus" if self.meter else "none"}"',
            f"signed = {str(self.meter_signed).lower()}",
            f"poll_ms = {self.meter_poll_ms}",
            f"lost_ms = {self.meter_lost_ms}",
        ]
        if meter_port:
            lines.append(f'port = "{meter_port}"')
        if self.connector == "socket":
            lines += ["[evse.lock]", f"unlock_after_stop = {str(self.unlock_after_stop).lower()}"]
        if self.timing:
            lines.append("[evse.timing]")
            lines += [f"{name} = {value_ms}" for name, value_ms in sorted(self.timing.items())]
        return lines

    def config(self) -> StationConfig:
        """As the product reads it. Raises ConfigError for a station that can not be."""
        return parse(self.toml(), "bench.toml")
