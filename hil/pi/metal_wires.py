"""The wires between one EVSE's pins and its metal: what a front-end, contacts and coils do.

What the computer drives is put together from the pads and the PWM, and handed to the metal at each
change; what the metal shows is turned into voltages and levels when a pin or channel is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from drivers.adc.mcp3x08 import CHIPS
from drivers.board.profile import (
    BoardProfile,
    BurstSection,
    ChannelSection,
    EvseSection,
    NtcSection,
    PeaksSection,
)
from drivers.gpio.inputs import MEANINGS, Input
from drivers.gpio.wires import InputPin
from evse.board_faults import BoardFault
from evse.guard.facts import Inputs, Outputs
from evse.guard.lock_drive import LockDrive
from hil.pi.front_end import PeakCapacitor, Reserve, ntc_pin_mv, pp_pin_mv
from hil.pi.header import MockHeader
from hil.pi.output_wires import OutputWires
from hil.pi.pwm import PwmChannel
from hil.pi.spi import Mcp3x08
from hil.pi.waveform import PilotWaveform, Voltage, behind_front_end, scattered, steady

NOMINAL_12V_MV = 12_000
DRIFT_US = 37
"""Of the pilot's phase a millisecond, so that no two bursts begin at the same place."""


class Metal(Protocol):
    """What ends the wires: hil.plant.virtual_board.PlantPins, or hil.plant.pin_wire.RemotePins."""

    def read(self, evse: int, now_ms: int) -> Inputs: ...
    def write(self, evse: int, outputs: Outputs, now_ms: int, feeds: bool = True) -> None:
        """`feeds`: it comes with an edge for the coil supply's watchdog."""


class Edges(NamedTuple):
    """The computer's side of the wires."""

    header: MockHeader
    converter: Mcp3x08
    pwm: Callable[[int], PwmChannel]
    """The channel behind a pin, as it is now."""
    now_ms: Callable[[], int]
    shot_through: Callable[[int], None]
    """Both halves of a lock's bridge are on, at the EVSE of this number."""


class EvseWires:
    """All wires of one EVSE."""

    def __init__(
        self,
        edges: Edges,
        profile: BoardProfile,
        section: EvseSection,
        metal: Metal,
        evse: int,
    ) -> None:
        self._pi, self._metal, self._evse = edges, metal, evse
        self._profile, self._section = profile, section
        self._shown = Inputs()
        self._looked_ms: int | None = None
        self._driven = Outputs()
        self._output_wires = OutputWires(
            edges.header, section, edges.pwm, lambda: edges.shot_through(evse)
        )
        self._detectors: list[tuple[PeakCapacitor, Callable[[], float]]] = []
        self._reserve = Reserve()
        self.pressed = False
        """Somebody holds the stop button."""
        self._wire_inputs()
        self._wire_outputs()
        self._wire_channels()

    # --- what the metal shows ---------------------------------------------------------------------

    def look(self) -> Inputs:
        """The metal as it is now."""
        now_ms = self._pi.now_ms()
        if now_ms != self._looked_ms:
            self._looked_ms = now_ms
            self._shown = self._metal.read(self._evse, now_ms)
        return self._shown

    def _wire_inputs(self) -> None:
        section = self._section
        for mirror in section.contactor.mirrors:
            self._contact(mirror, lambda: self.look().mirror_closed)
        if section.lock is not None:
            self._contact(section.lock.locked, lambda: self.look().lock_locked)
            if section.lock.unlocked is not None:
                self._contact(section.lock.unlocked, lambda: self.look().lock_unlocked)
        if section.rcd is not None:
            self._contact(section.rcd.trip, lambda: self.look().rcd_tripped)
            if section.rcd.dc is not None:
                self._contact(section.rcd.dc, lambda: self.look().rcd_tripped)
        if section.phase_contact is not None and section.phase_contact.feedback is not None:
            feedback = section.phase_contact.feedback
            self._contact(feedback, lambda: self.look().phase_feedback is not False)
        for kind, pin in {**self._profile.inputs, **section.inputs}.items():
            self._contact(pin, self._meaning(kind))

    def _meaning(self, kind: Input) -> Callable[[], bool]:
        if kind is Input.EMERGENCY_STOP:
            return lambda: self.look().emergency_stop
        if kind is Input.STOP_BUTTON:
            return lambda: self.pressed
        flag = MEANINGS[kind].fault
        return lambda: bool(flag & self.look().faults)

    def contacts(self) -> tuple[BoardFault, BoardFault]:
        """The faults that contacts of this EVSE can show, and those that they show."""
        can = shown = BoardFault(0)
        for kind, pin in {**self._profile.inputs, **self._section.inputs}.items():
            can |= MEANINGS[kind].fault
            if self._pi.header.level(pin.gpio) is pin.active_high:
                shown |= MEANINGS[kind].fault
        return can, shown

    def _contact(self, pin: InputPin, active: Callable[[], bool]) -> None:
        self._pi.header.drive(pin.gpio, lambda: active() is pin.active_high)

    # --- what the converter sees ------------------------------------------------------------------

    def _wire_channels(self) -> None:
        profile, section = self._profile, self._section
        pilot = section.pilot
        if isinstance(pilot, BurstSection):
            self._channel(pilot.channel, pilot.zero_counts, pilot.gain_mv, self._waveform())
        else:
            self._peak(pilot.high, 1)
            self._peak(pilot.low, -1)
        pins, reference_mv = self._pi.converter.pins, profile.converter.reference_mv
        pp, ntc = section.proximity, section.temperature
        if pp is not None:
            pins[pp.channel] = lambda _at_us: pp_pin_mv(pp, self.look().pp_ohm)
        if isinstance(ntc, NtcSection):
            pins[ntc.channel] = lambda _at_us: ntc_pin_mv(
                ntc, reference_mv, self.look().temperature_dc
            )
        if section.lock_reserve is not None:
            self._scaled(
                section.lock_reserve,
                lambda: self._reserve.mv(self._pi.now_ms(), mains=self._mains()),
            )
        if profile.supply_12v is not None:
            self._scaled(profile.supply_12v, lambda: self.look().supply_12v_mv)
        if profile.supply_minus_12v is not None:
            self._scaled(profile.supply_minus_12v, lambda: self.look().supply_minus_12v_mv)

    def _waveform(self) -> Voltage:
        """The pilot at the terminal, as it is when a burst begins."""
        made: tuple[int | None, Voltage] = (None, steady(0))

        def at(at_us: float) -> float:
            nonlocal made
            now_ms = self._pi.now_ms()
            if now_ms != made[0]:
                made = (now_ms, self._pilot(now_ms))
            return made[1](at_us)

        return at

    def _pilot(self, now_ms: int) -> Voltage:
        inputs = self.look()
        if inputs.sample is None:
            return scattered()
        phase_us = now_ms * DRIFT_US % 1_000
        return PilotWaveform(self.duty_bp, *self._levels(inputs), phase_us)

    @staticmethod
    def _levels(inputs: Inputs) -> tuple[int, int]:
        sample = inputs.sample
        if sample is None:
            return 0, 0
        return sample.hi_mv, sample.hi_mv if sample.lo_mv is None else sample.lo_mv

    def _peak(self, section: ChannelSection, sign: int) -> None:
        detector = PeakCapacitor(sign)

        def level() -> float:
            return sign * max(sign * each for each in self._levels(self.look()))

        self._detectors.append((detector, level))
        self._scaled(section, lambda: detector.mv(self._pi.now_ms(), level()))

    def _turn_detectors(self) -> None:
        pilot = self._section.pilot
        if isinstance(pilot, PeaksSection):
            resetting = self._pi.header.level(pilot.reset.gpio)
            for detector, level in self._detectors:
                detector.turn(self._pi.now_ms(), level(), resetting=resetting)

    def _mains(self) -> bool:
        return BoardFault.POWER_LOSS not in self.look().faults

    def _scaled(self, section: ChannelSection, mv: Callable[[], float]) -> None:
        self._channel(section.channel, section.zero_counts, section.gain_mv, lambda _at_us: mv())

    def _channel(self, channel: int, zero: float, gain: float, voltage: Voltage) -> None:
        self._pi.converter.pins[channel] = behind_front_end(
            voltage,
            zero_counts=zero,
            gain_mv=gain,
            full_counts=CHIPS[self._profile.converter.chip].full_counts,
            reference_mv=self._profile.converter.reference_mv,
        )

    # --- what the computer drives -----------------------------------------------------------------

    def _wire_outputs(self) -> None:
        for pin in self._output_wires.pins():
            self._pi.header.watch(pin.gpio, lambda _high: self.output_changed())
        pilot = self._section.pilot
        if isinstance(pilot, PeaksSection):
            self._pi.header.watch(pilot.reset.gpio, lambda _high: self._turn_detectors())

    def output_changed(self) -> None:
        """A pad or the PWM may drive something else now; the coil supply's watchdog hears nothing
        of it."""
        outputs = self._output_wires.settled()
        if outputs == self._driven:
            return
        now_ms = self._pi.now_ms()
        driven = outputs.lock_drive is not LockDrive.OFF
        self._reserve.turn(now_ms, driven=driven, mains=self._mains())
        self._driven = outputs
        self._metal.write(self._evse, outputs, now_ms, self._profile.heartbeat is None)
        self._looked_ms = None
        self._turn_detectors()

    def feed(self) -> None:
        """An edge at the coil supply's watchdog."""
        self._metal.write(self._evse, self._driven, self._pi.now_ms(), True)

    @property
    def duty_bp(self) -> int:
        """What the pilot's pin puts out."""
        return self._outputs().duty_bp

    def _outputs(self) -> Outputs:
        return self._output_wires.outputs()
