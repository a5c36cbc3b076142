"""Numbers with their unit, for published fields whose names do not carry it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Amps = Annotated[float, Meta(description="A")]
Volts = Annotated[float, Meta(description="V")]
Watts = Annotated[float, Meta(description="W")]
WattHours = Annotated[float, Meta(description="Wh")]
KilowattHours = Annotated[float, Meta(description="kWh")]
Percent = Annotated[float, Meta(ge=0, le=100, description="%")]
Hertz = Annotated[float, Meta(description="Hz")]
Seconds = Annotated[int, Meta(ge=0, description="s")]
