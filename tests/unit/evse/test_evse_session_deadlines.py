"""A session that is looked at only at its deadlines does what one does that is looked at always.

Inputs come at the points of a grid. One session is polled at each of them, the other one only where
a deadline has come: whatever follows from time alone, and has none, would show late or never.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from session_rig import Rig, cable_evse, describe, limit_of, socket_evse, stop_for, token

from evse.clock import rfc3339
from evse.config.energy import LimitsTable, RandomDelayTable
from evse.config.evse import EvseTable, MeterTable, PhaseSwitchTable
from evse.faults import CoreCondition
from evse.limits import Limit
from evse.model import (
    BoardAnalog,
    BoardStatus,
    Capability,
    MeterReading,
    PilotState,
    Reason,
)
from evse.session.external_limits import Lifetime
from evse.types.energy import (
    ExternalLimits,
    IntegerWithSource,
    LimitsReq,
    NumberWithSource,
    ScheduleReqEntry,
)
from evse.types.session import EnableDisableSource, EnableSource, EnableState, StopTransactionReason

GRID_MS = 250
DAY_MS = 86_400_000
GAPS = (0, 0, 1, 4, 16, 20, 29, 40, 80, 160, 260)
"""Points of the grid between two inputs: from at once to more than a minute."""


class Watched(Rig):
    """A rig whose board speaks only when it has something new to say."""

    def __init__(self, config: EvseTable, limits: LimitsTable, *, shared: bool) -> None:
        super().__init__(config, limits=limits, shared=shared)
        self.seen: list[tuple[int, str]] = []
        self._told: tuple[int, ...] = 0, 0, 0, 0
        self.amps = 0.0
        self.status: BoardStatus | None = None
        """What the board told last."""

    def look(self) -> None:
        self.session.poll()
        for _ in range(16):
            wish = self.session.wish(self.clock.now_ms())
            status = self.board.take(wish)
            if self.board_answers and status != self.status:
                self.tell(status)
            elif wish == self.session.wish(self.clock.now_ms()):
                break
        else:
            raise AssertionError(f"the rig does not come to rest in {self.session.state}")
        self._note()

    def tell(self, status: BoardStatus) -> None:
        self.status = status
        self.session.on_status(status)

    def _note(self) -> None:
        now_ms = self.clock.now_ms()
        lists: list[list[Any]] = [self.events, self.told_faults, self.commands, self.board.wishes]
        new = [found[told:] for found, told in zip(lists, self._told, strict=True)]
        self._told = tuple(map(len, lists))
        self.seen += [(now_ms, describe(event)) for event in new[0]]
        self.seen += [(now_ms, f"{c.fault.row.code} {c.active}") for c in new[1]]
        self.seen += [(now_ms, str(what)) for found in new[2:] for what in found]

    def measure(self) -> None:
        self.session.on_reading(
            MeterReading(
                taken_ms=self.clock.now_ms(),
                energy_import_wh=self.energy_wh,
                current_a=(self.amps, 0.0, 0.0),
            )
        )


Act = Callable[[Watched], object]


def _schedule(rig: Watched, *amps: float, phases: int | None = None) -> ExternalLimits:
    """A limit now, and another one each 30 s, between two points of the grid."""
    return ExternalLimits(
        schedule_import=tuple(
            ScheduleReqEntry(
                timestamp=rfc3339(rig.clock.utc() + timedelta(seconds=30 * n, milliseconds=-100)),
                limits_to_leaves=LimitsReq(
                    ac_max_current_A=NumberWithSource(value=amp, source="plan"),
                    **(
                        {}
                        if phases is None
                        else {"ac_max_phase_count": IntegerWithSource(value=phases, source="p")}
                    ),
                ),
            )
            for n, amp in enumerate(amps)
        )
    )


def _set(name: str, value: object) -> Act:
    return lambda rig: setattr(rig.board, name, value)


def _draw(amps: float) -> Act:
    def act(rig: Watched) -> None:
        rig.amps = amps
        rig.measure()

    return act


def _assign(state: EnableState) -> Act:
    wanted = EnableDisableSource(
        enable_source=EnableSource.LocalAPI, enable_state=state, enable_priority=100
    )
    return lambda rig: rig.session.assign(1, wanted)


def _lose(rig: Watched) -> None:
    rig.board_answers = False
    rig.session.on_board_lost()


def _find(rig: Watched) -> None:
    rig.board_answers = True
    rig.session.on_capabilities(Capability.PHASE_SWITCH)
    rig.tell(rig.board.take(rig.session.wish(rig.clock.now_ms())))


def _swap(rig: Watched) -> None:
    rig.board.plugs += 1


ACTS: dict[str, Act] = {
    **{f"car {state.name}": _set("car", state) for state in PilotState},
    "card": lambda rig: rig.session.authorize(token()),
    "card reserved": lambda rig: rig.session.authorize(token(), 7),
    "reading": Watched.measure,
    "draw 0": _draw(0),
    "draw 10": _draw(10),
    "draw 40": _draw(40),
    "meter lost": lambda rig: rig.session.on_meter_lost(),
    "stop": lambda rig: rig.session.stop_transaction(stop_for(StopTransactionReason.Remote)),
    "deauthorized": lambda rig: rig.session.stop_transaction(
        stop_for(StopTransactionReason.DeAuthorized)
    ),
    "withdraw": lambda rig: rig.session.withdraw_authorization(),
    "pause": lambda rig: rig.session.pause_charging(),
    "resume": lambda rig: rig.session.resume_charging(),
    "disable": lambda rig: rig.session.disable(1),
    "enable": lambda rig: rig.session.enable(1),
    "assign off": _assign(EnableState.Disable),
    "assign nothing": _assign(EnableState.Unassigned),
    "reserve": lambda rig: rig.session.reserve(7),
    "cancel": lambda rig: rig.session.cancel_reservation(),
    "set faulted": lambda rig: rig.session.set_faulted(),
    "unlock": lambda rig: rig.session.force_unlock(1, lambda _done: None),
    "one phase": lambda rig: rig.session.switch_three_phases(False),
    "three phases": lambda rig: rig.session.switch_three_phases(True),
    "charge now": lambda rig: rig.session.cancel_random_delay(),
    "limit 5": lambda rig: rig.session.set_external_limits(limit_of(5)),
    "limit 8": lambda rig: rig.session.set_external_limits(limit_of(8)),
    "limit 20": lambda rig: rig.session.set_external_limits(limit_of(20)),
    "no limit": lambda rig: rig.session.set_external_limits(ExternalLimits(schedule_import=())),
    "plan": lambda rig: rig.session.set_external_limits(_schedule(rig, 16, 0, 9, 20), "plan"),
    "plan one phase": lambda rig: rig.session.set_external_limits(
        _schedule(rig, 16, 16, phases=1), "phases"
    ),
    "plan three phases": lambda rig: rig.session.set_external_limits(
        ExternalLimits(schedule_import=()), "phases"
    ),
    "short limit": lambda rig: rig.session.set_external_limits(
        limit_of(4), "short", Lifetime(lifetime_s=20, fallback_a=7)
    ),
    "shorter limit": lambda rig: rig.session.set_external_limits(
        limit_of(0), "short", Lifetime(lifetime_s=20)
    ),
    **{
        f"grant {amps}": lambda rig, amps=amps: rig.session.set_grant(
            Limit(source="station fuse", limit_a=float(amps), safety=True)
        )
        for amps in (0, 6, 16)
    },
    "sensor": lambda rig: rig.session.on_capabilities(
        Capability.PHASE_SWITCH | Capability.TEMPERATURE
    ),
    "cool": lambda rig: rig.session.on_analog(BoardAnalog(temperature_dc=200)),
    "warm": lambda rig: rig.session.on_analog(BoardAnalog(temperature_dc=660)),
    "hot": lambda rig: rig.session.on_analog(BoardAnalog(temperature_dc=720)),
    "board lost": _lose,
    "board found": _find,
    "board restarted": lambda rig: rig.session.on_board_restarted(),
    "swap": _swap,
    "stuck closed": _set("stuck_closed", True),
    "stuck no more": _set("stuck_closed", False),
    "phases stuck": _set("phases_stuck", True),
    "phases free": _set("phases_stuck", False),
    "unknown phases": _set("phases", 0),
    "trip": _set("trip", Reason.OVER_TEMPERATURE),
    "residual current": _set("trip", Reason.RCD),
    "no trip": _set("trip", Reason.NONE),
    "mains": lambda rig: rig.session.show(CoreCondition.UNDER_VOLTAGE, True),
    "mains well": lambda rig: rig.session.show(CoreCondition.UNDER_VOLTAGE, False),
}
GOOD = ("car B", "reading", "card", "car C", "grant 16", "draw 10")
"""What leads to charging: as likely as all the rest, so that most scripts get there."""

_INPUTS = st.tuples(
    st.sampled_from(GAPS), st.one_of(st.sampled_from(GOOD), st.sampled_from(sorted(ACTS)))
)
_CONFIGS = st.builds(
    lambda base, meter, needed, wake, pulse, mode, pilot: _evse(
        base, meter, needed, wake, pulse, mode, pilot
    ),
    st.sampled_from((cable_evse(), socket_evse())),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from((0, 300, 5_000)),
    st.sampled_from(("never", "oneway", "both")),
    st.sampled_from(("X1", "F")),
)
_LIMITS = st.builds(
    lambda ramp, delayed: LimitsTable(
        ramp_a_per_s=ramp, random_delay=RandomDelayTable(enabled=delayed, max_s=100)
    ),
    st.sampled_from((None, 1.0)),
    st.booleans(),
)


Mode = Literal["never", "oneway", "both"]
Pilot = Literal["X1", "F"]


def _evse(
    base: EvseTable, meter: bool, needed: bool, wake: bool, pulse: int, mode: Mode, pilot: Pilot
) -> EvseTable:
    return EvseTable(
        id=1,
        evse_id=base.evse_id,
        connector=base.connector,
        max_current_a=base.max_current_a,
        lock=base.lock,
        meter=MeterTable(kind="modbus" if meter else "none"),
        fail_on_meter_errors=needed,
        wake_up=wake,
        fault_pulse_ms=pulse,
        phase_switch=PhaseSwitchTable(mode=mode, pilot=pilot, automatic_after_s=60),
    )


def _live(script: list[tuple[int, str]], rig: Watched, *, always: bool) -> list[tuple[int, str]]:
    _find(rig)
    rig.look()
    for points, name in script:
        end_ms = rig.clock.now_ms() + points * GRID_MS
        _pass_time(rig, end_ms, always=always)
        ACTS[name](rig)
        rig.look()
    return rig.seen


def _pass_time(rig: Watched, end_ms: int, *, always: bool) -> None:
    while (now_ms := rig.clock.now_ms()) < end_ms:
        due_ms = now_ms + GRID_MS
        if not always:
            asked_ms = rig.session.next_deadline_ms(now_ms)
            due_ms = end_ms if asked_ms is None else -(-asked_ms // GRID_MS) * GRID_MS
            assert due_ms > now_ms
        if due_ms > end_ms:
            due_ms = end_ms
        rig.clock.advance_to(due_ms)
        rig.look()


@given(st.lists(_INPUTS, max_size=14), _CONFIGS, _LIMITS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_looked_at_at_its_deadlines_alone_a_session_misses_nothing(
    script: list[tuple[int, str]], config: EvseTable, limits: LimitsTable, shared: bool
) -> None:
    script = [*script, (280, "reading")]
    always = _live(script, Watched(config, limits, shared=shared), always=True)
    assert _live(script, Watched(config, limits, shared=shared), always=False) == always


def _charging(**more: object) -> Watched:
    """A car that charges, at a station that may switch phases."""
    config = _evse(socket_evse(), True, True, True, 300, "both", "X1")
    rig = Watched(msgspec.structs.replace(config, **more), LimitsTable(), shared=False)
    _live([(1, name) for name in ("car B", "reading", "card", "car C")], rig, always=False)
    assert rig.session.state == "charging"
    return rig


def test_a_limit_moves_the_phase_contact_only_after_the_delay() -> None:
    """Spec evse-core C7: the car has the whole delay to notice, whoever asked for the switch."""
    rig = _charging()
    began_ms = rig.clock.now_ms()
    ACTS["plan one phase"](rig)
    rig.look()
    assert rig.session.state == "switching"
    assert rig.board.wishes[-1].phases == 3
    _pass_time(rig, began_ms + 9_750, always=False)
    assert rig.board.phases == 3
    _pass_time(rig, began_ms + 11_000, always=False)
    assert rig.board.phases == 1


def test_a_switch_with_a_contactor_that_does_not_open_ends_by_itself() -> None:
    rig = _charging()
    rig.board.stuck_closed = True
    rig.board.phases_stuck = True
    ACTS["one phase"](rig)
    rig.look()
    entered_ms = rig.clock.now_ms()
    assert rig.session.state == "switching"
    _pass_time(rig, entered_ms + 30_000, always=False)
    assert (entered_ms + 20_000, "PrepareCharging") in rig.seen


def test_a_car_that_came_unseen_in_a_fault_is_served_once_the_fault_is_gone() -> None:
    """No session ends for it, so nothing but this would ever let it be seen."""
    rig = Watched(socket_evse(), LimitsTable(), shared=False)
    _live([(1, "reading")], rig, always=False)
    rig.board.trip, rig.board.car = Reason.OVER_TEMPERATURE, PilotState.B
    rig.look()
    assert rig.session.state == "idle"
    _live([(1, "swap"), (1, "no trip")], rig, always=False)
    assert rig.session.state == "waiting_auth"


def test_what_the_station_takes_for_itself_is_no_over_current_of_a_car() -> None:
    rig = Watched(socket_evse(), LimitsTable(), shared=False)
    _live([(1, "disable"), *[(4, "draw 10")] * 40], rig, always=True)
    assert rig.told_faults == []


def test_a_car_that_came_unseen_answers_for_no_over_current_of_the_last_one() -> None:
    rig = _charging()
    for _ in range(10):
        _pass_time(rig, rig.clock.now_ms() + 1_000, always=False)
        ACTS["draw 40"](rig)
        rig.look()
    assert rig.session.fault_model.blocked
    ACTS["draw 0"](rig)
    ACTS["swap"](rig)
    rig.look()
    _pass_time(rig, rig.clock.now_ms() + 1_000, always=True)
    assert not rig.session.fault_model.blocked
    assert rig.session.state == "waiting_auth"
