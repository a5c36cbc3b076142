"""An MCP3x08 with a pilot behind the reference front-end, ready to be sampled."""

from __future__ import annotations

from pi_rig import Computer

from drivers.adc.burst import SAMPLES, BurstReader
from drivers.adc.mcp3x08 import CHIPS, AdcChip
from drivers.adc.pilot_sampler import PilotSampler
from drivers.adc.plateau import FrontEnd
from drivers.adc.spi import SpiDevice
from hil.pi.spi import Mcp3x08
from hil.pi.waveform import PilotWaveform, Voltage, behind_front_end

PILOT = 0


def front_end(chip: AdcChip) -> FrontEnd:
    """-15 V to +15 V over the whole scale."""
    return FrontEnd(zero_counts=chip.full_counts / 2, gain_mv=30_000 / chip.full_counts)


class AdcBench:
    """One chip, its driver, and time in microseconds."""

    def __init__(
        self,
        name: str = "mcp3208",
        *,
        bufsiz: int = 65_536,
        samples: int = SAMPLES,
        extras: dict[str, int] | None = None,
        seed: int = 0,
        scale: FrontEnd | None = None,
    ) -> None:
        self.now_us = 0.0
        self.chip = CHIPS[name]
        self.scale = scale or front_end(self.chip)
        self.fake = Mcp3x08(bits=self.chip.bits, now_us=lambda: self.now_us, bufsiz=bufsiz)
        self.machine = Computer(self.fake, devices={self.fake.path: self.fake.open})
        self.spi = SpiDevice(self.machine, self.fake.path, speed_hz=self.chip.speed_hz)
        self.bursts = BurstReader(
            self.spi, self.chip, pilot=PILOT, extras=extras, samples=samples, seed=seed
        )
        self.sampler = PilotSampler(self.bursts, self.chip, self.scale, samples=samples)

    def show(self, pilot: Voltage) -> None:
        """What the pilot's terminal shows from now on."""
        self.fake.pins[PILOT] = behind_front_end(
            pilot,
            zero_counts=self.scale.zero_counts,
            gain_mv=self.scale.gain_mv,
            full_counts=self.chip.full_counts,
            reference_mv=self.fake.reference_mv,
        )

    def show_pwm(self, duty_bp: int, hi_mv: int, lo_mv: int, phase_us: float = 0.0) -> None:
        self.show(PilotWaveform(duty_bp, hi_mv, lo_mv, phase_us=phase_us))
