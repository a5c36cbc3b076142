"""One or three phases during a session: who may ask for it, how often, and how far it got.

Pure. The guard moves the contact, and only while the contactor is confirmed open; here it is
decided where the contact belongs. Off unless configured, since a switch from one phase to three
damages some cars (spec evse-core C7).
"""

from __future__ import annotations

from evse.config.evse import EvseTable
from evse.model import BoardStatus
from evse.types.evse_manager import SwitchThreePhasesWhileChargingResult as Result

ONE, THREE = 1, 3
MS_PER_S = 1_000
SETTLE_MS = 5_000
"""How long the contact may take once the contactor is open and the delay is over."""


class PhaseSwitch:
    """Where the phase contact of one EVSE belongs."""

    def __init__(self, config: EvseTable) -> None:
        self._config = config.phase_switch
        self.fitted = False
        """The board has a phase contact that we may use."""
        self.target = THREE
        self.sent = THREE
        """What the permit says."""
        self._switches = 0
        self._automatic_ms: int | None = None
        self._limited = False
        """A limit, and nobody's request, brought it to one phase."""

    def fit(self, capable: bool) -> None:
        """The board said whether it can."""
        self.fitted = capable and self._config.mode != "never"
        if not self.fitted:
            self.target = THREE

    @property
    def pilot_f(self) -> bool:
        return self._config.pilot == "F"

    @property
    def delay_ms(self) -> int:
        return self._config.delay_s * MS_PER_S

    @property
    def give_up_ms(self) -> int:
        """How long after its beginning a switch counts as failed."""
        return self.delay_ms + SETTLE_MS

    def due(self, status: BoardStatus) -> bool:
        """Is the contact known to be elsewhere? A board that started anew may not know."""
        return self.fitted and status.phases not in (0, self.target)

    def arrived(self, status: BoardStatus) -> bool:
        return not self.fitted or status.phases == self.target

    def send(self) -> None:
        """From now on the permit says where it belongs. Not before the delay is over: the guard
        moves it as soon as the contactor has been open for a moment."""
        self.sent = self.target

    def request(self, phases: int, *, transaction: bool, lost: bool) -> Result:
        """Somebody asks for `phases`; the answer says that the way there has begun, or why not."""
        if not self.fitted or self._refused(phases):
            return Result.Error_NotSupported
        if not transaction:
            return Result.Error_NotCharging
        if lost:
            return Result.Error_Hardware
        self._aim(phases)
        self._limited = False
        return Result.Success

    def follow(self, phases: int, now_ms: int) -> None:
        """A limit allows `phases`; not another switch for it before its time is over."""
        wanted = self._wanted(phases)
        if wanted == self.target or self._refused(wanted):
            return
        after_ms = self._config.automatic_after_s * MS_PER_S
        if self._automatic_ms is None or now_ms - self._automatic_ms >= after_ms:
            self._automatic_ms = now_ms
            self._limited = wanted == ONE
            self._aim(wanted)

    def _wanted(self, phases: int) -> int:
        """Where a limit of `phases` would have the contact."""
        if not self.fitted:
            return self.target
        if phases < THREE:
            return ONE
        return THREE if self._limited else self.target

    def give_up(self, status: BoardStatus) -> None:
        """The contact did not get there: where it is, it stays."""
        self.target = status.phases if status.phases in (ONE, THREE) else self.target

    def end_of_session(self) -> None:
        """The next car begins with all phases."""
        self.target = THREE
        self._switches = 0
        self._automatic_ms = None
        self._limited = False

    @property
    def waits(self) -> bool:
        """May a limit have to wait? Without that `next_deadline_ms` is None."""
        return self._automatic_ms is not None

    def next_deadline_ms(self, phases: int, now_ms: int) -> int | None:
        """When a limit that had to wait is followed."""
        if self._automatic_ms is None or self._wanted(phases) == self.target:
            return None
        due_ms = self._automatic_ms + self._config.automatic_after_s * MS_PER_S
        return due_ms if due_ms > now_ms else None

    def _aim(self, phases: int) -> None:
        if phases != self.target:
            self._switches += 1
            self.target = phases

    def _refused(self, phases: int) -> bool:
        if phases == self.target:
            return False
        most = self._config.max_per_session
        one_way = self._config.mode == "oneway" and phases == THREE
        return one_way or (most > 0 and self._switches >= most)
