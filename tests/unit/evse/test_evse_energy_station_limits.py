"""What others allow the whole station: told by source, held over restarts, shared by the EVSEs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evse.clock import VirtualClock, rfc3339
from evse.config.load import parse
from evse.energy.claims import Claim
from evse.energy.sharing import FUSE
from evse.energy.station import StationEnergy, needed, possible, watt_lines
from evse.energy.station_limits import KEEP_EVERY_MS, StationLimits
from evse.limits import MIN_OFFER_A, Limit
from evse.session.external_limits import Lifetime
from evse.types.energy import ExternalLimits

EVSE = """
[[evse]]
id = {n}
evse_id = "DE*PNX*E{n}*1"
connector = "cable"
max_current_a = 32.0
phases = {phases}
phase_rotation = "{rotation}"
"""


def energy(
    rotations: Sequence[str] = ("RST", "RST"), phases: int = 3, **more: Any
) -> StationEnergy:
    return StationEnergy(config(rotations, phases, **more))


def config(rotations: Sequence[str], phases: int = 3, *, fuse_a: float | None = None) -> Any:
    fuse = "" if fuse_a is None else f"fuse_a = {fuse_a}"
    head = f'[station]\nidentity = "E-1"\n{fuse}\n[board]\nkind = "simulated"\n'
    rows = [
        EVSE.format(n=n, phases=phases, rotation=rotation)
        for n, rotation in enumerate(rotations, start=1)
    ]
    return parse(head + "".join(rows) + '[authorization]\nmode = "free"\n')


def claims(*evses: int, of: int = 2) -> list[Claim]:
    return [
        Claim(evse=n, wants=n in evses, limit_a=32.0, lines=(0, 1, 2)) for n in range(1, of + 1)
    ]


def limit(amps: float) -> Limit:
    return Limit(source="OCPP", limit_a=amps)


def grants(of: StationEnergy, asked: list[Claim], now_ms: int, amps: float) -> dict[int, float]:
    found = of.step(asked, now_ms, limit=limit(amps))
    return {evse: grant.limit_a for evse, grant in found.items()}


# --- sharing --------------------------------------------------------------------------------------


def test_a_lone_car_gets_the_whole_limit_and_two_share_it() -> None:
    """OCPP 1.6 §3.13.3: the limit is that of all connectors combined, not a part for each."""
    one = energy()
    assert grants(one, claims(1), 0, 20.0) == {1: 20.0, 2: 0.0}
    now_ms = 10_000
    assert grants(one, claims(1, 2), now_ms, 20.0)[1] == 10.0
    assert grants(one, claims(1, 2), now_ms + 7_000, 20.0) == {1: 10.0, 2: 10.0}


def test_a_limit_over_what_all_may_take_shares_nothing() -> None:
    one = energy()
    assert one.idle(None)
    assert one.idle(limit(64.0))
    assert not one.idle(limit(63.9))
    assert not energy(fuse_a=40.0).idle(None), "the fuse is shared anyway"


def test_a_single_evse_needs_no_sharing_and_several_may() -> None:
    assert not possible(config(["RST"]))
    assert possible(config(["RST", "RST"]))
    assert not needed(config(["RST", "RST"]))


def test_nobody_starts_on_what_a_car_may_still_be_taking_when_the_limit_comes() -> None:
    """Before, each could take its rating; a car has 6 s to follow (IEC 61851-1 Table A.6)."""
    one = energy()
    assert grants(one, claims(1), 0, 20.0) == {1: 20.0, 2: 0.0}
    assert grants(one, claims(1, 2), 1_000, 20.0) == {1: 10.0, 2: 0.0}
    assert grants(one, claims(1, 2), 6_900, 20.0)[2] == 0.0
    assert grants(one, claims(1, 2), 8_100, 20.0) == {1: 10.0, 2: 10.0}


def test_after_the_limit_has_gone_nothing_of_it_is_left() -> None:
    one = energy()
    grants(one, claims(1, 2), 0, 8.0)
    one.rest()
    assert (one.limit, one.budget_a, one.sharing.shares) == (None, 64.0, {})
    assert grants(one, claims(1), 100_000, 30.0) == {1: 30.0, 2: 0.0}


def test_who_limits_the_station_is_named() -> None:
    one = energy(fuse_a=40.0)
    assert one.source == FUSE
    found = one.step(claims(1), 0, limit=limit(20.0))
    assert found[1].source == one.source == "OCPP, for the station"
    found = one.step(claims(1), 10_000, limit=limit(50.0))
    assert found[1].source == one.source == FUSE


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30_000),
            st.frozensets(st.integers(1, 3)),
            st.floats(0, 100),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=150, deadline=None)
def test_the_grants_never_exceed_the_limit(
    script: list[tuple[int, frozenset[int], float]],
) -> None:
    """OCPP 1.6 §3.13.3, line by line; nobody is granted less than 6 A but 0."""
    one, now_ms = energy(["RST"] * 3), 0
    for wait_ms, wanting, amps in script:
        now_ms += wait_ms
        if one.idle(limit(amps)):
            one.rest()
            continue
        found = grants(one, claims(*wanting, of=3), now_ms, amps)
        assert sum(found.values()) <= amps
        assert all(grant == 0 or grant >= MIN_OFFER_A for grant in found.values())
        if amps >= MIN_OFFER_A and len(wanting) == 1 and len(script) == 1:
            assert found[min(wanting)] == pytest.approx(min(32.0, amps), abs=0.001)


@pytest.mark.parametrize(
    ("rotations", "phases", "expected"),
    [
        (("RST", "STR"), 3, 3),
        (("unknown", "unknown"), 3, 3),
        (("unknown", "unknown"), 1, 1),
        (("RST", "RST"), 1, 1),
        (("RST", "STR"), 1, 2),
        (("RST", "unknown"), 1, 3),
    ],
)
def test_a_power_is_spread_over_the_lines_that_are_loaded(
    rotations: tuple[str, ...], phases: int, expected: int
) -> None:
    assert watt_lines(config(rotations, phases)) == expected


# --- told and kept --------------------------------------------------------------------------------


class Told:
    """StationLimits with a memory that survives it."""

    def __init__(self, clock: VirtualClock | None = None, body: bytes | None = None) -> None:
        self.clock = clock or VirtualClock()
        self.bodies: list[bytes] = []
        self.said: list[str] = []
        self.limits = StationLimits(
            self.clock, 230.0, keep=self.bodies.append, body=body, say=self.said.append
        )

    def put(self, amps: float | None, source: str = "OCPP", **life: Any) -> None:
        self.limits.put(source, schedule(self.clock, amps), Lifetime(**life))

    def amps(self, lines: int = 3) -> float | None:
        found = self.limits.limit(lines)
        return None if found is None else found.limit_a

    def again(self, after_ms: int = 0) -> Told:
        self.clock.advance_to(self.clock.now_ms() + after_ms)
        return Told(self.clock, self.bodies[-1])


def schedule(clock: VirtualClock, amps: float | None, *, watts: float | None = None) -> Any:
    entry: dict[str, Any] = {"timestamp": rfc3339(clock.utc()), "limits_to_leaves": {}}
    if amps is not None:
        entry["limits_to_root"] = {"ac_max_current_A": {"value": amps, "source": "OCPP"}}
    if watts is not None:
        entry["limits_to_root"] = {"total_power_W": {"value": watts, "source": "OCPP"}}
    entries = [entry] if "limits_to_root" in entry else []
    return msgspec.convert({"schedule_import": entries}, ExternalLimits)


def test_the_lowest_of_all_sources_holds() -> None:
    told = Told()
    assert told.amps() is None
    told.put(20.0)
    told.put(12.0, "site controller")
    assert told.amps() == 12.0
    told.put(None, "site controller")
    assert told.amps() == 20.0


def test_watts_are_spread_over_the_lines() -> None:
    told = Told()
    told.limits.put("OCPP", schedule(told.clock, None, watts=13_800.0), Lifetime())
    assert told.amps(3) == pytest.approx(20.0)
    assert told.amps(1) == pytest.approx(60.0)


def test_what_was_told_holds_over_a_restart() -> None:
    told = Told()
    told.put(20.0)
    assert told.again(3_600_000).amps() == 20.0
    told.put(None)
    told.clock.advance_to(told.clock.now_ms() + KEEP_EVERY_MS)
    told.limits.poll()
    assert told.again().amps() is None


def test_a_lifetime_goes_on_over_a_restart_and_the_fallback_with_it() -> None:
    told = Told()
    told.put(20.0, lifetime_s=600, fallback_a=8.0)
    assert told.again(300_000).amps() == 20.0
    again = told.again(301_000)
    assert again.amps() == 8.0
    assert again.limits.next_deadline_ms(again.clock.now_ms()) is None


def test_a_limit_that_changes_every_few_seconds_is_stored_once_a_minute() -> None:
    told = Told()
    for step in range(61):
        told.put(6.0 + step / 10)
        told.clock.advance_to(told.clock.now_ms() + 10_000)
        told.limits.poll()
    assert len(told.bodies) == 11
    told.clock.advance_to(told.clock.now_ms() + KEEP_EVERY_MS)
    told.limits.poll()
    assert told.again().amps() == 12.0, "the last one too"


def test_the_deadline_stores_what_waits() -> None:
    told = Told()
    told.put(20.0)
    told.put(21.0)
    due_ms = told.limits.next_deadline_ms(told.clock.now_ms())
    assert due_ms == KEEP_EVERY_MS
    told.clock.advance_to(due_ms)
    told.limits.poll()
    assert told.again().amps() == 21.0
    assert told.limits.next_deadline_ms(told.clock.now_ms()) is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"OCPP":{"limits":7}}'])
def test_a_body_that_can_not_be_read_is_said_and_the_start_goes_on(body: bytes) -> None:
    told = Told(body=body)
    assert told.amps() is None
    assert len(told.said) == 1


def test_a_schedule_that_can_not_be_one_changes_nothing() -> None:
    told = Told()
    told.put(20.0)
    bad = msgspec.convert(
        {"schedule_import": [{"timestamp": "2026-02-30T00:00:00Z"}]}, ExternalLimits
    )
    with pytest.raises(ValueError, match="timestamp"):
        told.limits.put("OCPP", bad, Lifetime())
    assert told.amps() == 20.0
    assert len(told.bodies) == 1
