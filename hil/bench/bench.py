"""The bench: what a test may do to a station and may know of it, on simulation and on metal alike.

Everything here can be carried by a socket: values in, values out, no object of the station. A
bench drives one car a socket, the mains, the faults and the processes of the station; it reads the
metal by its own instruments (`probe.metal`, `probe.trace`) and the station through its door. What
a bench can not do it does not declare: tests ask for capabilities (`@pytest.mark.needs`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from evse.types.session import Limits, SessionEvent
from hil.plant.model import Violation
from hil.trace import Lane, Trace


class BenchCapability(enum.StrEnum):
    """What not every bench can do."""

    VIRTUAL_TIME = "virtual_time"
    """Hours cost nothing, and the same seed gives the same trace."""
    CAR_VARIANTS = "car_variants"
    METAL_FAULTS = "metal_faults"
    """`faults.set` knows all of hil.plant.faults.FAULTS."""
    BOARD_FLAGS = "board_flags"
    """`faults.board_fault` raises every flag of BoardFault and of Wiring."""
    METER_FAULTS = "meter_faults"
    MAINS_VOLTAGE = "mains_voltage"
    KILL_CORE = "kill_core"
    KILL_GUARD = "kill_guard"
    KILL_OCPP = "kill_ocpp"
    CUT_LINK = "cut_link"
    DISK_STALL = "disk_stall"


class Process(enum.StrEnum):
    """What can be killed and started again."""

    CORE = "core"
    GUARD = "guard"
    OCPP = "ocpp"


class Metal(msgspec.Struct, frozen=True):
    """One EVSE's metal at one instant, as the bench's own instruments see it."""

    t_ms: int
    """Of the clock that stamps the trace."""
    closed: bool
    """The power contacts, whatever the mirror says: current may flow."""
    coil: bool
    """What ring 1 drives."""
    duty_bp: int
    """What the pilot output does: 0 = F, 10000 = X1."""
    pilot_mv: int
    """Plateau of the positive half-wave."""
    lock: str
    """`unlocked`, `moving` or `locked`; `none` where no lock is fitted."""
    plugged: bool
    """A car is on the pilot contact."""
    cable_in: bool
    """The station's end of a cable is in its socket."""
    current_a: float
    """Largest phase current."""
    phases: int
    """Phases that the phase contact connects: 1 or 3."""
    energy_wh: float
    """What an ideal meter shows since the bench began."""


class Heard(msgspec.Struct, frozen=True):
    """One session event as a follower at the door got it."""

    seq: int
    evse: int
    t_ms: int
    """When it was heard, on the clock of the trace."""
    event: SessionEvent

    @property
    def name(self) -> str:
        return self.event.event.value


class Ev(Protocol):
    """The person with the car."""

    def plug(
        self,
        *,
        cable_a: int = 32,
        draw_a: float = 16.0,
        phases: int = 3,
        variant: str = "normal",
        delay_s: float = 0.0,
        battery_wh: float | None = None,
    ) -> None:
        """Plug a car in. `variant` is a name of hil.plant.ev.VARIANTS. Raises BenchRefused."""

    def unplug(self) -> None:
        """Off the car, then out of the socket as soon as the bolt lets go."""

    def pull_at_station(self) -> None:
        """Pull at the station's end: with a bolt in the way nothing happens until it leaves."""

    def pause(self) -> None:
        """The car stops by itself: current off, then S2 open."""

    def resume(self) -> None: ...
    def request_ventilation(self, wanted: bool = True) -> None:
        """State D instead of C."""


class Mains(Protocol):
    """The supply of the station."""

    def on(self) -> None: ...
    def off(self) -> None:
        """No voltage on any phase; the controller's own supply is buffered."""

    def set_voltage(self, voltage_v: float, phase: int | None = None) -> None:
        """Of one phase (1 to 3), or of all."""

    def cut(self) -> None:
        """The controller's supply goes too: coil drops, core and guard die."""

    def restore(self) -> None:
        """After `cut`: supply is back, core and guard boot anew."""


class Faults(Protocol):
    """What breaks."""

    def set(self, name: str) -> None:
        """Inject a fault of hil.plant.faults.FAULTS; twice is as good as once."""

    def clear(self, name: str) -> None: ...
    def clear_all(self) -> None:
        """Heal all metal faults of this EVSE."""

    def active(self) -> frozenset[str]: ...
    def board_fault(self, name: str, active: bool = True) -> None:
        """Raise or clear what the board reports by itself: a name of evse.board_faults."""

    def residual_ma(self, residual_ma: float) -> None:
        """Smooth DC residual current, whatever the contactor does."""

    def kill(self, process: Process) -> None:
        """At once and without farewell; killing what is dead is fine."""

    def restart(self, process: Process) -> None:
        """Start what was killed; what runs goes on."""

    def cut_link(self) -> None:
        """The wire between core and ring 1."""

    def mend_link(self) -> None: ...
    def stall_disk(self, stalled: bool) -> None:
        """Every fsync of the core hangs, or goes on."""


class Probe(Protocol):
    """The bench's eyes."""

    def metal(self) -> Metal: ...
    def trace(self) -> Trace:
        """All lanes so far; state and messages as far as the bench heard of them."""

    def first_ms(self, lane: Lane, value: int | str, since_ms: int = 0) -> int | None:
        """When the lane first took this value at or after `since_ms`; timing verdicts use it."""

    def violations(self) -> list[Violation]:
        """What the metal of this EVSE should never have been in."""

    def state(self) -> str:
        """The session's state by name; `no core` while there is none."""

    def events(self, since_seq: int = 0) -> list[Heard]:
        """Session events of this EVSE with a higher number, oldest first."""

    def limits(self) -> Limits | None:
        """The variable `limits` as last published; None before the first."""

    def meter_wh(self) -> float | None:
        """The variable `powermeter`: imported energy as the station knows it."""

    def why(self) -> str:
        """The answer of `sys.why`."""


class Dut(Protocol):
    """The station's door."""

    def call(self, method: str, **params: Any) -> Any:
        """Call and let time pass until it is answered. `evse` is filled in where the method
        takes it. Raises DutRefused with the answer's error, BenchTimeout after 60 s."""

    def swipe(self, token: str) -> str:
        """Present an RFID token; what the broker said of it."""

    def restart(self) -> None:
        """Core and guard end and start again, in the order of a service restart."""


class BenchClock(Protocol):
    """Time passes only here (and while a call waits for its answer)."""

    def now_ms(self) -> int:
        """On the clock that stamps the trace."""

    def run_for(self, span_s: float) -> None: ...
    def run_until(self, condition: Callable[[], object], *, within: float, what: str = "") -> float:
        """Let time pass until `condition` is true; returns the seconds it took. Raises
        BenchTimeout, naming `what`, after `within` seconds and the bench's tolerance."""


class Bench(Protocol):
    """One station under test, addressed at one of its EVSEs."""

    @property
    def ev(self) -> Ev: ...
    @property
    def mains(self) -> Mains: ...
    @property
    def faults(self) -> Faults: ...
    @property
    def probe(self) -> Probe: ...
    @property
    def dut(self) -> Dut: ...
    @property
    def clock(self) -> BenchClock: ...
    @property
    def capabilities(self) -> frozenset[BenchCapability]: ...
    @property
    def evse(self) -> int:
        """The EVSE that the other members are about."""

    @property
    def evses(self) -> tuple[int, ...]: ...
    @property
    def seed(self) -> int: ...
    @property
    def tolerance_s(self) -> float:
        """What the bench's own timing may add to a measured time; 0 in virtual time."""

    def at(self, evse: int) -> Bench:
        """The same bench, addressed at another EVSE. Raises BenchRefused."""

    def close(self) -> None:
        """End everything that this bench started."""
