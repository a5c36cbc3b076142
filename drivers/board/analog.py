"""What an EVSE measures beside its pilot: PP, temperature, the pilot's supplies, the reserve.

Everything on the converter comes with the pilot's reading, one channel a burst in turn; what has
not been read yet, or is older than the converter's last sign of life, is not known.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from drivers.adc.burst import BurstReader
from drivers.adc.mcp3x08 import CHIPS, AdcChip
from drivers.adc.peaks import Detector, PeakDetectors
from drivers.adc.pilot_sampler import PilotSampler, PilotSource
from drivers.adc.plateau import FrontEnd
from drivers.adc.proximity import ProximityDivider
from drivers.adc.spi import SpiDevice
from drivers.board.profile import (
    BoardProfile,
    BurstSection,
    EvseSection,
    NtcSection,
    PeaksSection,
    slow_sensors,
)
from drivers.errors import ProfileError
from drivers.gpio.lines import Lines
from drivers.machine import Machine
from drivers.temperature.ntc import Ntc
from drivers.temperature.reading import Temperature
from drivers.temperature.slow import SlowTemperatures
from evse.board_faults import Wiring

_log = logging.getLogger(__name__)

PP, TEMPERATURE, RESERVE = "pp", "temperature", "reserve"
SUPPLY_12V, SUPPLY_MINUS_12V = "supply_12v", "supply_minus_12v"
MANY_CALLS = (
    "a burst takes {calls} calls to the kernel: put `options spidev bufsiz=65536` into "
    "/etc/modprobe.d/spidev.conf and reboot"
)
NOMINAL_12V_MV = 12_000


class Scaled(NamedTuple):
    """A channel of the converter, and what its counts mean."""

    channel: int
    scale: FrontEnd


class AnalogValues(NamedTuple):
    """None: not fitted, or not known now."""

    pp_ohm: int | None
    temperature_dc: int | None
    supply_12v_mv: int
    """NOMINAL_12V_MV where it is not measured."""
    supply_minus_12v_mv: int
    reserve_mv: int | None
    wiring: Wiring


class Analog:
    """The values of one EVSE, from the converter's counts."""

    def __init__(
        self, machine: Machine, profile: BoardProfile, section: EvseSection, slow_path: str
    ) -> None:
        """`slow_path`: where the reader of slow sensors leaves what it found. Raises
        ProfileError."""
        self._scales = {n: one.scale for n, one in _channels(profile, section).items()}
        self._pp = None
        if pp := section.proximity:
            self._pp = ProximityDivider(pp.supply_mv, pp.pull_up_ohm)
        heat = section.temperature
        self._ntc = self._slow = None
        if isinstance(heat, NtcSection):
            reference_mv = profile.converter.reference_mv
            self._ntc = Ntc(reference_mv, heat.pull_up_ohm, heat.ohm_25c, heat.beta_k)
        elif heat is not None:
            self._slow = SlowTemperatures(
                machine,
                slow_path,
                frozenset(heat.sensors),
                sensors=len(slow_sensors(profile, len(profile.evse))),
            )

    def read(self, counts: Mapping[str, int], now_ms: int) -> AnalogValues:
        """`counts`: what the converter has shown of each channel and still stands for."""
        mv = {name: self._scales[name].mv(found) for name, found in counts.items()}
        pp_mv = mv.get(PP)
        heat = self._temperature(mv.get(TEMPERATURE), now_ms)
        return AnalogValues(
            None if pp_mv is None or self._pp is None else self._pp.ohm(pp_mv),
            heat.dc,
            mv.get(SUPPLY_12V, NOMINAL_12V_MV),
            mv.get(SUPPLY_MINUS_12V, -NOMINAL_12V_MV),
            mv.get(RESERVE),
            heat.wiring,
        )

    def _temperature(self, pin_mv: int | None, now_ms: int) -> Temperature:
        if self._slow is not None:
            return self._slow.temperature(now_ms)
        if self._ntc is None or pin_mv is None:
            return Temperature(None)
        return self._ntc.temperature(pin_mv)


def pilot_source(
    machine: Machine, lines: Lines, profile: BoardProfile, section: EvseSection
) -> PilotSource:
    """What reads the pilot, with every other channel of the EVSE in turn. Raises ProfileError,
    GpioUnavailable."""
    chip = CHIPS[profile.converter.chip]
    spi = SpiDevice(machine, profile.converter.device, speed_hz=chip.speed_hz)
    extras = {name: channel.channel for name, channel in _channels(profile, section).items()}
    try:
        return _source(spi, chip, lines, section.pilot, extras)
    except ValueError as error:
        raise ProfileError(f"pilot: {error}") from error


def _source(
    spi: SpiDevice,
    chip: AdcChip,
    lines: Lines,
    pilot: BurstSection | PeaksSection,
    extras: dict[str, int],
) -> PilotSource:
    if isinstance(pilot, PeaksSection):
        return PeakDetectors(
            spi,
            chip,
            highest=Detector(pilot.high.channel, pilot.high.scale),
            lowest=Detector(pilot.low.channel, pilot.low.scale),
            reset=lines.output(pilot.reset, "peak detectors' reset"),
            extras=extras,
        )
    bursts = BurstReader(
        spi,
        chip,
        pilot=pilot.channel,
        extras=extras,
        samples=pilot.samples,
        spacing_us=pilot.spacing_us,
    )
    if bursts.ioctls > 1:
        _log.warning("%s", MANY_CALLS.format(calls=bursts.ioctls))
    return PilotSampler(bursts, chip, pilot.scale, samples=pilot.samples)


def _channels(profile: BoardProfile, section: EvseSection) -> dict[str, Scaled]:
    """Everything that this EVSE has on the converter beside its pilot."""
    reference = profile.converter.reference_mv / CHIPS[profile.converter.chip].full_counts
    found = {}
    if section.proximity is not None:
        pp = section.proximity
        found[PP] = Scaled(pp.channel, FrontEnd(0.0, reference * pp.gain))
    if isinstance(section.temperature, NtcSection):
        found[TEMPERATURE] = Scaled(section.temperature.channel, FrontEnd(0.0, reference))
    for name, one in (
        (RESERVE, section.lock_reserve),
        (SUPPLY_12V, profile.supply_12v),
        (SUPPLY_MINUS_12V, profile.supply_minus_12v),
    ):
        if one is not None:
            found[name] = Scaled(one.channel, one.scale)
    return found
