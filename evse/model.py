"""The vocabulary of the board boundary: what ring 1 (guard) and ring 2 (core) say to each other.

Everything here is frozen, hashable and made of whole numbers, so that it can cross a wire, a
process or a test unchanged. Units are in the names: `_ms`, `_mv`, `_ma`, `_bp` (basis points of
duty, 1 bp = 0.01 %), `_dc` (tenths of a degree Celsius).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

from evse.board_faults import BoardFault, Wiring
from evse.panel import Indicator

X1_BP = 10_000
"""Pilot output: steady +12 V, no offer (state x1)."""
F_BP = 0
"""Pilot output: steady -12 V, station not available (state F)."""


class PilotState(enum.IntEnum):
    """What the car's end of the control pilot says (IEC 61851-1 Table A.4), debounced."""

    UNKNOWN = 0
    """Nothing sampled yet since start."""
    A = 1
    B = 2
    C = 3
    D = 4
    E = 5
    F = 6
    INVALID = 7
    """A level outside every window, or a half-wave that no state explains."""


PLUGS_MODULUS = 2**16
"""`BoardStatus.plugs` counts modulo this."""


class LockTarget(enum.IntEnum):
    """What the core wants of the connector lock; level-triggered, in every permit."""

    KEEP = 0
    LOCK = 1
    UNLOCK = 2


class LockState(enum.IntEnum):
    """What the lock's feedback says."""

    ABSENT = 0
    """No lock fitted (tethered cable)."""
    UNLOCKED = 1
    LOCKED = 2
    MOVING = 3
    JAMMED = 4
    """Driven for its full time without reaching the target."""


class SelfTest(enum.IntEnum):
    """The residual-current device's test in this plug-in session."""

    NOT_FITTED = 0
    NOT_RUN = 1
    RUNNING = 2
    PASSED = 3
    FAILED = 4


class Reason(enum.IntEnum):
    """Why the contactor is not closed. Values from TRIP_FLOOR up are trips: latched, and closing
    stays forbidden until the core acknowledges them with the cause gone."""

    NONE = 0
    PILOT_LEFT_CD = 1
    """The car opened S2 or left."""
    OFFER_WITHDRAWN = 2
    """The permit said stop: PWM off, then opened when the car let go, at < 1 A, or after 6 s."""
    LEASE_LOST = 3
    """No valid permit for the lease time."""

    TRIP_FLOOR = 32
    DIODE = 33
    PILOT_FAULT = 34
    """State E, F read back, or a level outside every window."""
    RCD = 35
    RCD_SELF_TEST = 36
    MIRROR = 37
    """The mirror contact does not follow the coil (did not close, or opened by itself)."""
    WELD = 38
    """The mirror still reads closed after the release time."""
    OVER_TEMPERATURE = 39
    EMERGENCY_STOP = 40
    SAMPLES_STALLED = 41
    """No verdict on the pilot for the stall time."""
    VENTILATION = 42
    """State D and no ventilation declared."""
    PROXIMITY = 43
    """Socket: the plug's PP coding is missing, shorted or was lost while charging."""
    LOCK = 44
    """The lock feedback was lost with the contactor closed."""
    BOARD_FAULT = 45
    """A protection of the board itself says stop; `BoardStatus.faults` names it."""
    PHASE_CONTACT = 46
    """The phase contact's feedback does not follow its drive (stuck, or moved by itself)."""

    @property
    def is_trip(self) -> bool:
        return self > Reason.TRIP_FLOOR


class CommandVerb(enum.IntEnum):
    """Stop-and-wait commands to the board. Each is idempotent: twice is as good as once."""

    ACKNOWLEDGE = 1
    """Forget the kept reason if its cause is gone."""
    FORCE_UNLOCK = 2
    """Unlock now (vetoed while coil or mirror is closed); forbids closing until unplugged."""
    RCD_SELF_TEST = 3
    """Run the self-test again now (refused while the contactor is closed)."""
    SOUND_ACCEPTED = 4
    """The card is good. A board without a buzzer answers UNKNOWN, as to the next one."""
    SOUND_REJECTED = 5


class CommandStatus(enum.IntEnum):
    DONE = 0
    REFUSED = 1
    """Understood and not allowed now."""
    UNKNOWN = 2
    """No such verb or EVSE on this board."""


class Capability(enum.IntFlag):
    """What a board can do. Absent means absent: nobody asks for what is not declared."""

    LOCK = 1
    RCD = 2
    RCD_SELF_TEST = 4
    PROXIMITY = 8
    FAST_CURRENT = 16
    """Measures the load current itself, so it can open at under 1 A."""
    TEMPERATURE = 32
    EMERGENCY_STOP = 64
    VENTILATION = 128
    OPENS_ON_LOST_LEASE = 256
    PHASE_SWITCH = 512
    """Can connect L1 alone, by a contact of its own in L2 and L3."""


class Permit(msgspec.Struct, frozen=True, gc=False):
    """The lease that the core renews about every 100 ms. Newest wins; never retried."""

    seq: int
    """Counts up by one per EVSE and link session, modulo 2**32."""
    close: bool
    """The contactor may close, if the guard agrees."""
    duty_bp: int
    """Pilot output wanted: X1_BP, F_BP, or a PWM duty between."""
    lock: LockTarget = LockTarget.KEEP
    phases: int = 3
    """Where the phase contact belongs: 1 = L1 alone, 3 = all. Moved only while the contactor is
    confirmed open; nothing is closed until it is there. A board without one ignores it."""
    indicator: Indicator = Indicator.OFF
    """What the status light shows. A board without one ignores it."""


class Wish(NamedTuple):
    """What the core wants of one EVSE now; the next permit says so."""

    close: bool = False
    duty_bp: int = X1_BP
    lock: LockTarget = LockTarget.KEEP
    phases: int = 3
    indicator: Indicator = Indicator.OFF


DENY = Permit(seq=0, close=False, duty_bp=X1_BP)
"""What a guard does without a live permit."""


class BoardStatus(msgspec.Struct, frozen=True, gc=False):
    """Ring 1's discrete state of one EVSE: sent on change and at least every 200 ms."""

    pilot: PilotState = PilotState.UNKNOWN
    duty_bp: int = X1_BP
    """What the pilot output really does now."""
    coil: bool = False
    mirror_closed: bool = False
    lock: LockState = LockState.ABSENT
    cable_a: int = 0
    """Rating of the plugged cable from PP, amps; 0 = none or not a socket."""
    rcd_tripped: bool = False
    self_test: SelfTest = SelfTest.NOT_FITTED
    reason: Reason = Reason.NONE
    """First reason for not being closed, kept until acknowledged (trips) or closed again."""
    lease_live: bool = False
    forced_unlock: bool = False
    """A forced unlock happened; closing is forbidden until the car is unplugged."""
    vetoed_unlock: bool = False
    """An unlock is wanted and refused because coil or mirror is closed."""
    phases: int = 3
    """Phases that the phase contact connects: 1 or 3; 0 while it moves, and, where its position is
    not read back, after a start of ring 1 until a permit has sent it somewhere. 3 where there is
    none."""
    faults: BoardFault = BoardFault(0)
    """What the board reports by itself now."""
    plugs: int = 0
    """Counts the plug-ins since ring 1 started, modulo 2**16: another number means another plug-in,
    also where nobody heard state A. A car that was there at the start does not count, and neither
    does one that shows again after state E or F, unless the socket was seen empty meanwhile."""
    wiring: Wiring = Wiring(0)
    """What the board finds wrong with its own wires now."""
    presses: int = 0
    """Counts the presses of the stop button since ring 1 started, modulo 2**16."""

    @property
    def plugged(self) -> bool:
        return self.pilot in (PilotState.B, PilotState.C, PilotState.D)

    @property
    def energised(self) -> bool:
        """May current flow? True as soon as either end says so."""
        return self.coil or self.mirror_closed


class BoardAnalog(msgspec.Struct, frozen=True, gc=False):
    """Ring 1's measurements of one EVSE, for people and derating; about once a second."""

    hi_mv: int = 0
    """Plateau of the pilot's positive half-wave."""
    lo_mv: int = 0
    temperature_dc: int | None = None
    supply_12v_mv: int = 12_000
    supply_minus_12v_mv: int = -12_000
    current_ma: int | None = None
    """Largest phase current, where the board measures it."""
    residual_ua: int | None = None
    """Residual DC current, microamps, where the sensor tells."""


class BoardPace(msgspec.Struct, frozen=True, gc=False):
    """How punctual ring 1's loop is, since it began."""

    turns: int = 0
    late: int = 0
    """Began a whole period or more after their time."""
    worst_us: int = 0
    overslept: int = 0
    """Begun anew, because nobody had watched for too long."""


class BoardIdentity(msgspec.Struct, frozen=True, gc=False):
    """Who answered the hello."""

    board: str
    firmware: str
    boot_id: int
    """Random at each start of ring 1: a change means it restarted."""
    capabilities: Capability
    config_crc: int
    evses: int


class MeterReading(msgspec.Struct, frozen=True, gc=False):
    """One reading of the billing meter. `None` = the meter does not report it."""

    taken_ms: int
    """Monotonic time at which it was asked for: it tells of then, or of a little later."""
    energy_import_wh: float
    energy_export_wh: float | None = None
    power_w: float | None = None
    power_phase_w: tuple[float | None, float | None, float | None] = (None, None, None)
    voltage_v: tuple[float | None, float | None, float | None] = (None, None, None)
    current_a: tuple[float | None, float | None, float | None] = (None, None, None)
    frequency_hz: float | None = None
