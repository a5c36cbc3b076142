"""What may be done to a simulated EVSE from outside: to its car, to its metal, to its mains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hil.plant.plant import Plant


class AnEvse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At which one something is done."""

    evse: int = 1


class Draw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the car draws at most: amps per phase, on so many phases."""

    amps: Annotated[float, Meta(ge=0, le=80)] = 16.0
    phases: Annotated[int, Meta(ge=1, le=3)] = 3


class PlugIn(AnEvse, frozen=True):
    delay_s: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    draw: Draw = Draw()
    cable_a: int = 32
    variant: str = "normal"
    battery_wh: Annotated[float, Meta(gt=0)] | None = None


class SetFault(AnEvse, frozen=True):
    fault: str
    active: bool = True


class SetBoardFault(AnEvse, frozen=True):
    fault: str
    """A name of evse.board_faults.BoardFault."""
    active: bool = True


class SetVoltage(AnEvse, frozen=True):
    voltage_v: Annotated[float, Meta(ge=0, le=300)]
    phase: Annotated[int, Meta(ge=1, le=3)] | None = None


class Ventilation(AnEvse, frozen=True):
    wanted: bool = True


class SetResidual(AnEvse, frozen=True):
    residual_ma: Annotated[float, Meta(ge=0, le=1_000)]


def _plug_in(plant: Plant, wanted: PlugIn) -> None:
    plant.car.plug(
        cable_a=wanted.cable_a,
        draw_a=wanted.draw.amps,
        phases=wanted.draw.phases,
        variant=wanted.variant,
        delay_ms=round(wanted.delay_s * 1000),
        battery_wh=wanted.battery_wh,
    )


def _set_fault(plant: Plant, wanted: SetFault) -> None:
    plant.set_fault(wanted.fault, wanted.active)


def _set_board_fault(plant: Plant, wanted: SetBoardFault) -> None:
    plant.set_board_fault(wanted.fault, wanted.active)


def _set_voltage(plant: Plant, wanted: SetVoltage) -> None:
    plant.set_voltage_v(wanted.voltage_v, wanted.phase)


def _ventilation(plant: Plant, wanted: Ventilation) -> None:
    plant.car.request_ventilation(wanted.wanted)


def _set_residual(plant: Plant, wanted: SetResidual) -> None:
    plant.set_residual_ma(wanted.residual_ma)


Act = Callable[[Plant, Any], object]
"""Takes the params of its method. Raises HilError for what can not be done."""

ACTS: dict[str, tuple[type[AnEvse], Act]] = {
    "sim.plug_in": (PlugIn, _plug_in),
    "sim.plug_out": (AnEvse, lambda plant, _: plant.car.unplug()),
    "sim.pull_plug": (AnEvse, lambda plant, _: plant.car.pull_at_station()),
    "sim.ev_pause": (AnEvse, lambda plant, _: plant.car.pause()),
    "sim.ev_resume": (AnEvse, lambda plant, _: plant.car.resume()),
    "sim.ventilation": (Ventilation, _ventilation),
    "sim.set_residual": (SetResidual, _set_residual),
    "sim.set_fault": (SetFault, _set_fault),
    "sim.board_fault": (SetBoardFault, _set_board_fault),
    "sim.set_voltage": (SetVoltage, _set_voltage),
}
"""What the plant's door serves."""
