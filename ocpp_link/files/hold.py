"""Nobody begins to charge while new firmware waits or is tried (whitepaper L01.FR.07, L01.FR.19).

The core is told in the name of FirmwareUpdate, beside whatever others want; transactions that run
go on to their end. What it was told is remembered: a core or a link that was away hears of the end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from evse.types.session import EnableSource, EnableState
from ocpp_link.memory.database import Snapshot
from ocpp_link.ports import CoreReply
from ocpp_link.station import Station

CATCH_UP_MS = 5_000
"""After a core came: for what happened meanwhile to be told. Only then it is known who charges."""
CORE_GONE_MS = 10 * 60_000
"""A core that is away for so long lets nobody charge: it may be what the update is to mend."""
LOOK_MS = 60_000
"""Between two looks at whether it is away."""
PRIORITY = 10
"""Of the wish: before those of the interface (100) and of the back office (5 000)."""


class Hold:
    """`set` as often as you like: the core is told what it was not told yet. `on_idle` is called
    whenever it may have become known that nobody charges."""

    def __init__(self, station: Station, kept: Snapshot, on_idle: Callable[[], None]) -> None:
        self._station = station
        self._on_idle = on_idle
        self._wanted = False
        self._knows = False
        self._core_seen_ms = station.clock.now_ms()
        self._to_lift = bool(kept.decoded("firmware", bool, "held"))
        """The core may still hold what nobody wants held any more."""
        self._held: set[int] = set()
        station.on_timer["firmware_hold"] = self._caught_up
        station.on_timer["firmware_core"] = self._look_for_core
        station.occasions.core_came.append(self._core_came)
        station.occasions.transaction_ended.append(self._transaction_ended)

    @property
    def is_idle(self) -> bool:
        """It is known that no transaction runs."""
        if not self._station.core_up:
            return self._station.clock.now_ms() - self._core_seen_ms >= CORE_GONE_MS
        return self._knows and not any(s.in_transaction for s in self._station.states.values())

    def set(self, wanted: bool) -> None:
        if wanted and not self._to_lift:
            self._to_lift = True
            self._station.keep("firmware", "held", True)
        changed, self._wanted = wanted != self._wanted, wanted
        if changed:
            self._tell()
            self._look_for_core()

    def _core_came(self) -> None:
        """It may have forgotten, or never have heard; and there may be events to come."""
        self._held.clear()
        self._knows = False
        self._station.start_timer(CATCH_UP_MS, "firmware_hold")

    def _look_for_core(self) -> None:
        """As long as somebody waits for nobody to charge."""
        if not self._wanted:
            return
        if self._station.core_up:
            self._core_seen_ms = self._station.clock.now_ms()
        self._station.start_timer(LOOK_MS, "firmware_core")
        self._on_idle()

    def _caught_up(self) -> None:
        self._knows = True
        self._tell()
        self._on_idle()

    def _transaction_ended(self, _evse: int) -> None:
        if self._wanted:
            self._tell()
        self._on_idle()

    def _tell(self) -> None:
        """A transaction that is not known of yet must not be disturbed."""
        if not (self._knows and self._station.core_up):
            return
        if self._wanted:
            for evse, state in self._station.states.items():
                if not state.in_transaction and evse not in self._held:
                    self._held.add(evse)
                    self._station.command("enable_disable", evse, _wish(EnableState.Disable))
        elif self._to_lift:
            self._held = set(self._station.evses)
            for evse in self._station.evses:
                asked = _wish(EnableState.Unassigned)
                self._station.command("enable_disable", evse, asked, partial(self._lifted, evse))

    def _lifted(self, evse: int, reply: CoreReply) -> None:
        """Where the core is away, it is told again when it comes."""
        if self._wanted or reply.error:
            return
        self._held.discard(evse)
        if not self._held and self._to_lift:
            self._to_lift = False
            self._station.forget("firmware", "held")


def _wish(state: EnableState) -> dict[str, object]:
    wish = {
        "enable_source": EnableSource.FirmwareUpdate.value,
        "enable_state": state.value,
        "enable_priority": PRIORITY,
    }
    return {"connector_id": 0, "cmd_source": wish}
