"""The lowest limit in force holds, whoever set it; silence never charges."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from evse.energy.external import ExternalSchedule
from evse.limits import NOBODY, UNLIMITED_A, Limit, Sources, lowest
from evse.types.energy import ExternalLimits, LimitsReq, NumberWithSource, ScheduleReqEntry

T0 = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

limits = st.builds(
    Limit,
    source=st.sampled_from(["board", "cable", "ocpp", "solar"]),
    limit_a=st.floats(0, 80),
    priority=st.integers(0, 1000),
    phases=st.integers(1, 3),
    expires_ms=st.none() | st.integers(0, 100),
    fallback_a=st.none() | st.floats(0, 80),
    safety=st.booleans(),
    measured=st.booleans(),
)


def test_no_source_means_no_current() -> None:
    assert Sources().effective(0) == NOBODY
    assert not NOBODY.enough
    assert (NOBODY.limit_a, NOBODY.source, NOBODY.phases) == (0, "nobody", 3)
    assert NOBODY.safety_a == 0, "a charging car is not kept waiting for its end"
    just = lowest([Limit(source="ocpp", limit_a=6)])
    assert just.enough
    assert (just.phases, just.phases_source) == (3, "")
    only_phases = Limit(source="ocpp", limit_a=UNLIMITED_A, phases=1)
    assert lowest([only_phases]) == NOBODY, "a source that gives no amps is no permission"


@pytest.mark.parametrize("limit_a", [-0.1, math.nan, -math.inf])
def test_what_cannot_be_a_limit_is_refused(limit_a: float) -> None:
    with pytest.raises(ValueError, match=r"limit of ocpp: limit_a .* is not 0 A or more"):
        Limit(source="ocpp", limit_a=limit_a)
    with pytest.raises(ValueError, match=r"limit of ocpp: fallback_a .* is not 0 A or more"):
        Limit(source="ocpp", limit_a=6, fallback_a=limit_a)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("phases", 0, "0 phases"), ("phases", 4, "4 phases"), ("priority", 1001, "priority 1001")],
)
def test_phases_and_priority_have_their_ranges(field: str, value: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        msgspec.structs.replace(Limit(source="x", limit_a=6), **{field: value})


def test_a_silent_back_office_leaves_its_fallback_behind() -> None:
    sources = Sources()
    sources.put("board", Limit(source="hardware", limit_a=32, safety=True))
    sources.put("ocpp", Limit(source="ocpp", limit_a=16, expires_ms=1_000, fallback_a=10))
    assert sources.next_deadline_ms(0) == 1_000
    assert sources.effective(999).limit_a == 16
    assert sources.effective(1_000).limit_a == 10
    assert sources.effective(1_000).source == "ocpp"
    assert sources.next_deadline_ms(1_000) is None


def test_without_a_fallback_an_expired_limit_ceases_and_a_fallback_may_be_higher() -> None:
    sources = Sources()
    sources.put("board", Limit(source="hardware", limit_a=32))
    sources.put("ocpp", Limit(source="ocpp", limit_a=0, expires_ms=5))
    sources.put("ems", Limit(source="ems", limit_a=0, expires_ms=6, fallback_a=20))
    assert sources.next_deadline_ms(0) == 5
    assert sources.effective(5).source == "ems"
    assert sources.effective(6).limit_a == 20


def test_what_an_expired_limit_leaves_behind_lasts_for_ever_and_expires_no_more() -> None:
    left = Limit(source="ocpp", limit_a=16, expires_ms=5, fallback_a=10, safety=True).at(5)
    assert left == Limit(source="ocpp", limit_a=10, safety=True)


def test_the_outcome_is_a_measured_one_where_the_deciding_limit_is() -> None:
    solar, cable = Limit(source="solar", limit_a=8, measured=True), Limit(source="cable", limit_a=9)
    assert lowest([solar, cable]).measured
    assert not lowest([msgspec.structs.replace(solar, limit_a=10), cable]).measured
    assert not NOBODY.measured


def test_an_unchanged_limit_is_no_change_and_a_missing_one_is_cleared() -> None:
    sources = Sources()
    limit = Limit(source="ocpp", limit_a=16)
    assert not sources.put_or_clear("ocpp", None)
    assert sources.put_or_clear("ocpp", limit)
    assert sources.effective(0).limit_a == 16
    assert not sources.put_or_clear("ocpp", Limit(source="ocpp", limit_a=16))
    assert sources.put_or_clear("ocpp", None)
    assert sources.effective(0) == NOBODY


def test_a_new_limit_replaces_the_one_of_its_key_whole_and_clearing_twice_is_once() -> None:
    sources = Sources()
    sources.put("a", Limit(source="a", limit_a=10, expires_ms=5, fallback_a=1))
    sources.put("a", Limit(source="a", limit_a=20))
    assert sources.effective(9).limit_a == 20
    sources.clear("a")
    sources.clear("a")
    assert sources.effective(9) == NOBODY


def test_a_name_from_outside_cannot_replace_a_limit_of_the_station() -> None:
    sources = Sources()
    sources.put("board", Limit(source="hardware", limit_a=16))
    sources.put("external", Limit(source="hardware", limit_a=80))
    assert sources.effective(0).limit_a == 16


def test_among_equal_limits_safety_then_priority_then_the_name_is_named() -> None:
    rows = [
        Limit(source="b", limit_a=10, priority=5),
        Limit(source="a", limit_a=10, priority=7),
        Limit(source="z", limit_a=10, safety=True),
    ]
    assert lowest(rows).source == "z"
    assert lowest(rows[:2]).source == "b"
    assert lowest([msgspec.structs.replace(r, priority=5) for r in rows[:2]]).source == "a"


def test_the_fewest_phases_hold_and_who_restricts_them_is_known() -> None:
    found = lowest(
        [Limit(source="grid", limit_a=32, phases=1), Limit(source="ocpp", limit_a=10, phases=2)]
    )
    assert (found.limit_a, found.source) == (10, "ocpp")
    assert (found.phases, found.phases_source) == (1, "grid")


def test_a_lower_limit_that_may_wait_does_not_hide_a_safety_limit() -> None:
    found = lowest(
        [
            Limit(source="ocpp", limit_a=8),
            Limit(source="cable", limit_a=13, safety=True),
            Limit(source="fuse", limit_a=16, safety=True),
        ]
    )
    assert (found.limit_a, found.safety_a) == (8, 13)


@given(st.lists(limits, max_size=6), limits, st.integers(0, 120))
def test_another_source_never_raises_the_limit_of_those_that_limit_amps(
    rows: list[Limit], more: Limit, now_ms: int
) -> None:
    sources = Sources()
    for key, limit in enumerate(rows):
        sources.put(key, limit)
    before = sources.effective(now_ms)
    sources.put("more", more)
    after = sources.effective(now_ms)
    if before != NOBODY:
        assert after.limit_a <= before.limit_a
        assert after.safety_a <= before.safety_a
        assert after.phases <= before.phases
    assert after.safety_a >= after.limit_a


@given(st.lists(limits, max_size=6), st.randoms(use_true_random=False))
def test_the_outcome_does_not_depend_on_the_order_of_the_sources(
    rows: list[Limit], random: Random
) -> None:
    mixed = list(rows)
    random.shuffle(mixed)
    assert lowest(rows) == lowest(mixed)


@given(st.lists(limits, max_size=4), st.integers(0, 120))
def test_nothing_changes_between_deadlines(rows: list[Limit], now_ms: int) -> None:
    sources = Sources()
    for key, limit in enumerate(rows):
        sources.put(key, limit)
    end_ms = sources.next_deadline_ms(now_ms)
    for moment in range(now_ms, 130 if end_ms is None else end_ms):
        assert sources.effective(moment) == sources.effective(now_ms)


# --- external limits (interface page, set_external_limits) --------------------------------------


def schedule(*entries: object) -> ExternalSchedule:
    return ExternalSchedule(msgspec.convert({"schedule_import": entries}, ExternalLimits))


def entry(at: datetime, **leaves: object) -> dict[str, object]:
    wrapped = {
        name: value if isinstance(value, bool) else {"value": value, "source": "ocpp"}
        for name, value in leaves.items()
    }
    return {
        "timestamp": at.isoformat(),
        "limits_to_leaves": wrapped,
        "limits_to_root": {},
    }


def amps(external: ExternalSchedule, utc: datetime, phases: int = 3) -> float | None:
    found = external.limit(utc, nominal_v=230, phases=phases)
    return None if found is None else found.limit_a


def test_an_empty_schedule_limits_nothing() -> None:
    external = schedule()
    assert external.empty
    assert not schedule(entry(T0, ac_max_current_A=8)).empty
    assert external.limit(T0, nominal_v=230, phases=3) is None
    assert external.next_change(T0) is None


def test_the_last_entry_not_in_the_future_is_active_the_first_even_if_it_is() -> None:
    external = schedule(
        entry(T0 + timedelta(hours=2), ac_max_current_A=8),
        entry(T0, ac_max_current_A=16),
        entry(T0 + timedelta(hours=1), ac_max_current_A=10),
    )
    assert amps(external, T0 - timedelta(days=1)) == 16
    assert external.next_change(T0 - timedelta(days=1)) == T0 + timedelta(hours=1)
    assert amps(external, T0) == 16
    assert amps(external, T0 + timedelta(hours=1)) == 10
    assert amps(external, T0 + timedelta(days=9)) == 8, "the last one stays for ever"
    assert external.next_change(T0 + timedelta(days=9)) is None


@pytest.mark.parametrize(
    ("leaves", "phases", "limit_a", "used"),
    [
        ({"total_power_W": 6900}, 3, 10, 3),
        ({"total_power_W": 6900}, 1, 30, 1),
        ({"total_power_W": 4600, "ac_max_phase_count": 1}, 3, 20 / 3, 1),
        ({"total_power_W": 6900, "ac_max_current_A": 8}, 3, 8, 3),
        ({"total_power_W": 2760, "ac_max_current_A": 8}, 3, 4, 3),
        ({"ac_max_phase_count": 2}, 3, UNLIMITED_A, 2),
        ({"ac_max_phase_count": 3, "ac_max_current_A": 0}, 1, 0, 1),
    ],
)
def test_watts_become_amps_over_the_phases_in_use_and_the_lower_of_both_holds(
    leaves: dict[str, object], phases: int, limit_a: float, used: int
) -> None:
    found = schedule(entry(T0, **leaves)).limit(T0, nominal_v=230, phases=phases)
    assert found is not None
    assert found.limit_a == pytest.approx(limit_a)
    assert found.phases == used


def test_an_entry_that_says_nothing_lifts_the_limit_of_the_one_before() -> None:
    external = schedule(
        entry(T0, ac_max_current_A=6), entry(T0 + timedelta(hours=1), ac_min_current_A=6)
    )
    assert amps(external, T0 + timedelta(hours=1)) is None


def test_the_root_side_limits_as_well_as_the_leaves() -> None:
    both = entry(T0, ac_max_current_A=16)
    both["limits_to_root"] = {"ac_max_current_A": {"value": 7, "source": "grid"}}
    found = schedule(both).limit(T0, nominal_v=230, phases=3)
    assert found == Limit(source="grid", limit_a=7)


@pytest.mark.parametrize(("leaves", "root", "source"), [(3, 1, "grid"), (2, 3, "ocpp")])
def test_of_two_phase_counts_the_fewer_hold(leaves: int, root: int, source: str) -> None:
    both = entry(T0, ac_max_phase_count=leaves)
    both["limits_to_root"] = {"ac_max_phase_count": {"value": root, "source": "grid"}}
    found = schedule(both).limit(T0, nominal_v=230, phases=3)
    assert found == Limit(source=source, limit_a=UNLIMITED_A, phases=min(leaves, root))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["ac_max_current_A", "ac_min_current_A", "total_power_W"])
def test_a_limit_that_is_no_finite_number_is_refused_by_name(field: str, value: float) -> None:
    limit = NumberWithSource(value=value, source="ocpp")
    leaves = structs.replace(LimitsReq(), **{field: limit})
    row = ScheduleReqEntry(timestamp="2026-01-01T12:00:00Z", limits_to_leaves=leaves)
    with pytest.raises(ValueError, match=f"limits_to_leaves.{field}: {value} is no finite number"):
        ExternalSchedule(ExternalLimits(schedule_import=(row,)))


@pytest.mark.parametrize("timestamp", ["2026-02-30T00:00:00Z", "2026-02-03T00:00:00"])
def test_a_time_that_is_none_or_names_no_zone_is_refused(timestamp: str) -> None:
    limits = ExternalLimits(schedule_import=(ScheduleReqEntry(timestamp=timestamp),))
    with pytest.raises(ValueError):
        ExternalSchedule(limits)


@given(
    st.lists(st.integers(-50, 50), max_size=6),
    st.integers(-60, 60),
)
def test_the_active_entry_is_the_one_that_a_plain_search_finds(hours: list[int], at: int) -> None:
    external = schedule(
        *(entry(T0 + timedelta(hours=h), ac_max_current_A=i) for i, h in enumerate(hours))
    )
    ordered = sorted(enumerate(hours), key=lambda row: row[1])
    begun = [row for row in ordered if row[1] <= at]
    expected = (begun[-1:] or ordered[:1]) and float((begun[-1:] or ordered[:1])[0][0])
    assert amps(external, T0 + timedelta(hours=at)) == (expected if hours else None)
    change = external.next_change(T0 + timedelta(hours=at))
    later = [row for row in ordered[1:] if row[1] > at]
    assert change == (T0 + timedelta(hours=later[0][1]) if later else None)
