"""The plant's own door: what a car does, what breaks, and what the metal did.

It is served by the plant's process and lives as long as that: whatever of the station is killed,
it still tells. The core of a simulated station forwards `sim.*` to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, UnsetType

from evse.door import jsonrpc
from evse.door.hub import Connection, Follower, Hub, Reply
from evse.door.jsonrpc import RpcError
from hil.errors import HilError
from hil.plant.acts import ACTS, Act, AnEvse
from hil.plant.model import Violation
from hil.plant.plant import Plant
from hil.plant.site import GREATEST_A, Amps, Site
from hil.trace import Entry, Trace

HouseAmps = Annotated[float, Meta(ge=-GREATEST_A, le=GREATEST_A)]
TRACE = "sim.trace"
"""Variable: one entry of the trace as [t_ms, evse, lane, value]."""


class House(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sim.house`: what everybody but the EVSEs takes from the lines R, S, T; below 0: gives.
    Left out, nothing changes."""

    amps: tuple[HouseAmps, HouseAmps, HouseAmps] | UnsetType = msgspec.UNSET


class HouseState(msgspec.Struct, frozen=True):
    """The site at the meter at the mains, amps on the lines R, S, T."""

    house_a: Amps
    evses_a: Amps
    mains_a: Amps


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class PlantState(msgspec.Struct, frozen=True):
    """What the metal of one EVSE is really doing."""

    t_ms: int
    """When, on the machine's monotonic clock, which stamps the trace too."""
    energised: bool
    """The power contacts are closed."""
    coil: bool
    """What ring 1 drives."""
    lock: str
    """`unlocked`, `moving`, `locked`; `none` where no lock is fitted."""
    current_a: float
    pilot_mv: int
    """Plateau of the positive half-wave, without noise."""
    duty_bp: int
    energy_wh: float
    plugged: bool
    cable_in: bool
    """The station's end of a cable is in its socket."""
    phases: int
    """Phases that the phase contact connects: 1 or 3."""
    board_faults: list[str]
    faults: list[str]
    violations: list[Violation]


class PlantDoor:
    """Serves plants at a hub. `now` brings them to the present first. `site`: where there is a
    meter at the mains."""

    def __init__(
        self,
        hub: Hub,
        plants: Mapping[int, Plant],
        now: Callable[[], int],
        site: Site | None = None,
    ) -> None:
        self._hub = hub
        self._plants = plants
        self._site = site
        self._now = now
        self.changed: Callable[[], None] = lambda: None
        """Called after each command and each look: the next change may be nearer now, and what
        was lived through on the way is told before the answer."""
        for method, (type_, act) in ACTS.items():
            hub.register(method, self._serve(type_, act))
        hub.register("sim.house", self._house)
        hub.register("sim.state", self._state)
        hub.register("subscribe", self._subscribe)

    def told(self, entry: Entry) -> None:
        """A record of the trace, to all who follow it."""
        self._hub.publish(TRACE, entry.evse, entry)

    def _serve(self, type_: type[AnEvse], act: Act) -> Any:
        def handle(_connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
            wanted = jsonrpc.decode_params(params, type_)
            plant = self._plant(wanted.evse)
            plant.advance(self._now())
            try:
                act(plant, wanted)
            except HilError as error:
                raise RpcError(jsonrpc.INVALID_PARAMS, str(error)) from error
            self.changed()
            reply(True)

        return handle

    def _plant(self, evse: int) -> Plant:
        if evse not in self._plants:
            known = f"one of {sorted(self._plants)}"
            field = {"field": "evse"}
            raise RpcError(jsonrpc.INVALID_PARAMS, f"evse {evse} is not here: {known}", field)
        return self._plants[evse]

    def _state(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        jsonrpc.decode_params(params, Nothing)
        now_ms = self._now()
        states = {str(evse): plant_state(plant, now_ms) for evse, plant in self._plants.items()}
        self.changed()
        reply(states)

    def _house(self, _connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        wanted = jsonrpc.decode_params(params, House)
        site = self._site
        if site is None:
            raise RpcError(jsonrpc.NOT_AVAILABLE, "there is no [mains] in the configuration")
        if not isinstance(wanted.amps, UnsetType):
            site.house_a = wanted.amps
        now_ms = self._now()
        told = (_shown(amps) for amps in (site.house_a, site.evses_a(now_ms), site.mains_a(now_ms)))
        state = HouseState(*told)
        self.changed()
        reply(state)

    def _subscribe(self, connection: Connection, params: Raw | UnsetType, reply: Reply) -> None:
        variable = jsonrpc.decode_params(params, _Variable).variable
        if variable != TRACE:
            raise RpcError(
                jsonrpc.INVALID_PARAMS, f"only {TRACE} is told here", {"field": "variable"}
            )
        self.changed()
        self._hub.follow(connection, TRACE, Follower(None, None))
        traces = {id(plant.trace): plant.trace for plant in self._plants.values()}
        reply({"value": [e for t in traces.values() if isinstance(t, Trace) for e in t.entries()]})


def _shown(amps: Amps) -> Amps:
    """Whole milliamperes: what sums of floats leave behind is no current. Never -0.0."""
    one, two, three = (round(line_a, 3) + 0.0 for line_a in amps)
    return one, two, three


class _Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variable: str


def plant_state(plant: Plant, now_ms: int) -> PlantState:
    energy_wh = plant.meter(now_ms).energy_import_wh
    return PlantState(
        t_ms=now_ms,
        energised=plant.energised,
        coil=plant.driven.coil,
        lock=plant.lock_state,
        current_a=plant.current_a,
        pilot_mv=plant.pilot_mv,
        duty_bp=plant.driven.duty_bp,
        energy_wh=energy_wh,
        plugged=plant.car.contact,
        cable_in=plant.car.cable_a > 0,
        phases=plant.phases,
        board_faults=[str(f.name) for f in (*plant.board_faults, *plant.wiring)],
        faults=sorted(plant.faults),
        violations=list(plant.violations),
    )
