"""A board profile as the walk of `evse board check` needs it: what is fitted, and where it ends."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.board.profile import BoardProfile, BurstSection, EvseSection, NtcSection
from drivers.gpio.inputs import Input
from drivers.gpio.lock import TwoWayPins
from drivers.gpio.wires import InputPin
from evse.board_check.fitting import BoardFitting, EvseFitting, place


def fitting_of(profile: BoardProfile, evses: int, interlock: str) -> BoardFitting:
    """Of the first `evses` EVSEs; `interlock`: the configuration's word for it."""
    plus, minus = profile.supply_12v, profile.supply_minus_12v
    sections = profile.evse[:evses]
    return BoardFitting(
        heartbeat="" if profile.heartbeat is None else place(profile.heartbeat.gpio),
        interlock=interlock,
        supply_12v="" if plus is None else _channel(plus.channel),
        supply_minus_12v="" if minus is None else _channel(minus.channel),
        inputs=_inputs(profile.inputs),
        evses=tuple(_evse(number, section) for number, section in enumerate(sections, start=1)),
    )


def _evse(number: int, section: EvseSection) -> EvseFitting:
    coils = [coil.pull_in.gpio for coil in section.contactor.coils]
    coils += [coil.hold.gpio for coil in section.contactor.coils if coil.hold]
    phases = section.phase_contact
    feedback = None if phases is None else phases.feedback
    rcd, pp = section.rcd, section.proximity
    return EvseFitting(
        evse=number,
        pilot=place(section.pilot.pwm_gpio),
        pilot_reading=_pilot_channels(section),
        coils=place(*coils),
        mirrors=place(*(mirror.gpio for mirror in section.contactor.mirrors)),
        lock=_lock(section),
        lock_switches=_switches(section),
        lock_reserve=section.lock_reserve is not None,
        rcd="" if rcd is None else place(rcd.trip.gpio, *([rcd.dc.gpio] if rcd.dc else [])),
        rcd_test="" if rcd is None or rcd.test is None else place(rcd.test.gpio),
        proximity="" if pp is None else _channel(pp.channel),
        temperature=_temperature(section),
        phase_contact="" if phases is None else place(phases.coil.gpio),
        phase_feedback="" if feedback is None else place(feedback.gpio),
        light=place(*(led.gpio for led in section.light.leds)) if section.light else "",
        buzzer=place(section.buzzer.gpio) if section.buzzer else "",
        inputs=_inputs(section.inputs),
    )


def _inputs(pins: Mapping[Input, InputPin]) -> dict[str, str]:
    return {kind.value: place(pin.gpio) for kind, pin in pins.items()}


def _lock(section: EvseSection) -> str:
    if section.lock is None:
        return ""
    actuator = section.lock.actuator
    if isinstance(actuator, TwoWayPins):
        return place(actuator.lock.gpio, actuator.unlock.gpio)
    return place(actuator.solenoid.gpio)


def _switches(section: EvseSection) -> str:
    if section.lock is None:
        return ""
    unlocked = section.lock.unlocked
    return place(section.lock.locked.gpio, *([unlocked.gpio] if unlocked else []))


def _temperature(section: EvseSection) -> str:
    heat = section.temperature
    if heat is None:
        return ""
    return _channel(heat.channel) if isinstance(heat, NtcSection) else ", ".join(heat.sensors)


def _channel(channel: int) -> str:
    return f"channel {channel} of the converter"


def _pilot_channels(section: EvseSection) -> str:
    """Where the pilot ends on the converter."""
    pilot = section.pilot
    if isinstance(pilot, BurstSection):
        return _channel(pilot.channel)
    return f"{_channel(pilot.high.channel)} (high), {_channel(pilot.low.channel)} (low)"
