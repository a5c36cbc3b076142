"""What the parts of the engine share: who we are, the doors, the settings, what each EVSE does."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from evse.clock import Clock, Timers, rfc3339
from evse.types.powermeter import Powermeter
from evse.types.session import Limits
from ocpp_link.boot import Boot
from ocpp_link.device.settings import Settings
from ocpp_link.memory.database import Database
from ocpp_link.occasions import Occasions
from ocpp_link.ports import CorePort, CoreReply, Dialect, StationInfo, Store, SystemPort
from ocpp_link.records import EvseState, Message
from ocpp_link.rpc.outcome import OnOutcome, unheeded
from ocpp_link.rpc.rpc import Rpc
from ocpp_link.security.events import SecurityReporter
from ocpp_link.timekeeping import LinkClock, Timekeeper

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Station:
    """The engine's common ground. `rpc`, `system`, `time` and `security` are set once, right after
    construction."""

    rpc: Rpc
    system: SystemPort
    time: Timekeeper
    security: SecurityReporter

    def __init__(
        self,
        info: StationInfo,
        *,
        core: CorePort,
        store: Store,
        clock: Clock,
        dialect: Dialect,
        settings: Settings,
        states: dict[int, EvseState],
    ) -> None:
        self.info = info
        self.core = core
        self.store = store
        self.clock = LinkClock(clock)
        self.dialect = dialect
        self.settings = settings
        self.states = states
        self.boot = Boot()
        self.timers = Timers()
        self.on_timer: dict[str, Callable[..., object]] = {}
        """A timer is a tuple: the name of its handler here, and what that is called with."""
        self.occasions = Occasions()
        self.core_up = False
        self.meters: dict[int, Powermeter] = {}
        self.public_keys: dict[int, str] = {}
        """Of meters that sign, as the core knows them: DER in hexadecimal."""
        self.metered_ms: dict[int, int] = {}
        """When each of `meters` was heard."""
        self.limits: dict[int, Limits] = {}
        self.requested_ms = 0
        """When a CALL was last made."""

    @property
    def operational(self) -> bool:
        """Connected and registered: CALLs of every kind may go out."""
        return self.rpc.is_open and self.boot.accepted

    @property
    def evses(self) -> range:
        return range(1, len(self.info.evses) + 1)

    def start_timer(self, delay_ms: int, name: str, *args: Hashable) -> None:
        """Call `on_timer[name](*args)` after `delay_ms`; starting it again moves it."""
        self.timers.set((name, *args), self.clock.now_ms() + delay_ms)

    def request(
        self, message: Message, on_outcome: OnOutcome = unheeded, *, is_reserved: bool = False
    ) -> None:
        """Make a CALL. `is_reserved`: see Rpc.call."""
        now_ms = self.requested_ms = self.clock.now_ms()
        self.rpc.call(message.action, message.payload, on_outcome, now_ms, is_reserved=is_reserved)

    def command(
        self,
        method: str,
        evse: int,
        params: dict[str, Any] | None = None,
        on_reply: Callable[[CoreReply], None] | None = None,
    ) -> None:
        """Call `evse_manager.<method>` of one EVSE."""
        self.core.call(
            f"evse_manager.{method}", {"evse": evse, **(params or {})}, on_reply or _ignore
        )

    def stop_transaction(
        self, evse: int, reason: str, on_reply: Callable[[CoreReply], None] | None = None
    ) -> None:
        """End the EVSE's transaction; `reason` is a StopTransactionReason."""
        self.command("stop_transaction", evse, {"request": {"reason": reason}}, on_reply)

    def keep(self, kind: str, name: str, value: object) -> None:
        """Remember a small value over restarts."""
        body = msgspec.json.encode(value)

        def work(database: Database) -> None:
            database.put(kind, name, body)

        self.store.submit(work)

    def when_durable(self, act: Callable[[], object]) -> None:
        """Call `act` when all that was kept so far is on the disk."""

        def done(_nothing: None) -> None:
            act()

        self.store.submit(_wait, done)

    def forget(self, kind: str, name: str) -> None:
        def work(database: Database) -> None:
            database.delete(kind, name)

        self.store.submit(work)

    def timestamp(self) -> str:
        return rfc3339(self.clock.utc())

    def utc_ms(self) -> int:
        """Wall time in whole milliseconds since 1970."""
        return utc_ms(self.clock.utc())


def utc_ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def parse_time(text: str) -> datetime:
    """An RFC 3339 time as servers write it; without an offset it is taken as UTC. ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _wait(_database: Database) -> None:
    """Only its place in the order counts."""


def _ignore(reply: CoreReply) -> None:
    """For commands whose effect shows in the events that follow."""
