"""A recorded life decides itself again, bit for bit; a changed rule is found where it mattered."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from flight_rig import ORIGIN, FlightRig, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evse.guard.flight_file import FORMAT
from evse.guard.flight_read import NoFlight, Recorded, TornFlight, read
from evse.guard.recorder import MAX_TAKEN, Cause
from evse.guard.replay import Decided, replay
from evse.guard.rules import RULES, Rules
from evse.model import CommandVerb, LockTarget, Permit, Reason
from hil.errors import HilError
from hil.plant.faults import FAULTS


def decided_again(rig: FlightRig, rules: Rules = RULES) -> list[Decided]:
    return list(replay(read(written(rig.kept())), rules))


def first_difference(steps: list[Decided]) -> Decided | None:
    return next((step for step in steps if step.differences), None)


# --- the same kernel ------------------------------------------------------------------------------


def test_what_was_written_is_what_was_recorded() -> None:
    rig = FlightRig()
    rig.charge()
    flight = rig.kept()
    records = list(flight.records)
    found = read(written(flight))
    assert found.records == records
    assert found.header.start == flight.start
    assert found.header.hardware == flight.hardware
    assert found.triggers == flight.triggers
    assert found.header.origin == ORIGIN
    assert (found.unknown, found.torn) == ((), "")


def test_a_charge_and_its_trip_decide_themselves_again() -> None:
    rig = FlightRig(start_ms=123_450)
    rig.charge()
    rig.plant.set_fault("emergency_stop", True)
    rig.run(2_500)
    steps = decided_again(rig)
    assert first_difference(steps) is None
    assert [step.fired for step in steps if step.fired] == [("The emergency stop is pressed.",)]
    assert len(steps) == 1_350


def test_a_life_longer_than_the_recording_decides_itself_again_from_its_middle() -> None:
    rig = FlightRig()
    rig.charge()
    rig.run(80_000)
    rig.command(CommandVerb.RCD_SELF_TEST)
    rig.plant.car.unplug()
    rig.run(3_000)
    steps = decided_again(rig)
    assert 6_000 < len(steps) < 6_300
    assert first_difference(steps) is None


def test_commands_are_answered_again_also_before_the_first_step() -> None:
    rig = FlightRig()
    rig.command(CommandVerb.ACKNOWLEDGE)
    rig.charge()
    rig.plant.set_fault("emergency_stop", True)
    rig.run(500)
    rig.command(CommandVerb.ACKNOWLEDGE)
    rig.command(CommandVerb.FORCE_UNLOCK)
    rig.plant.set_fault("emergency_stop", False)
    rig.run(500)
    rig.command(CommandVerb.ACKNOWLEDGE)
    rig.command(CommandVerb.RCD_SELF_TEST)
    rig.run(500)
    assert first_difference(decided_again(rig)) is None


def test_the_next_recording_goes_on_where_the_last_one_ended() -> None:
    rig = FlightRig()
    rig.charge()
    rig.kept()
    rig.command(CommandVerb.FORCE_UNLOCK)
    rig.run(1_000)
    rig.plant.car.unplug()
    rig.run(3_000)
    assert first_difference(decided_again(rig)) is None


ACTS = st.one_of(
    st.tuples(st.just("plug"), st.sampled_from((13, 20, 32, 63))),
    st.tuples(st.sampled_from(("unplug", "pause", "resume", "pull")), st.none()),
    st.tuples(st.just("fault"), st.sampled_from(sorted(FAULTS))),
    st.tuples(st.just("board_fault"), st.sampled_from(("TILT", "CABLE_HOT", "RCD_DC"))),
    st.tuples(st.just("command"), st.sampled_from(CommandVerb)),
    st.tuples(st.just("alive"), st.booleans()),
    st.tuples(
        st.just("wish"),
        st.tuples(st.booleans(), st.sampled_from((0, 2_666, 10_000)), st.sampled_from(LockTarget)),
    ),
)
LIVES = st.lists(st.tuples(ACTS, st.sampled_from((10, 50, 300, 2_500))), max_size=12)


def live(rig: FlightRig, acts: list[tuple[tuple[str, object], int]]) -> None:
    for (name, value), span_ms in acts:
        with contextlib.suppress(HilError):  # no car to unplug, or one there already
            act(rig, name, value)
        rig.run(span_ms)


def act(rig: FlightRig, name: str, value: object) -> None:
    car = rig.plant.car
    match name, value:
        case "plug", int(cable_a):
            car.plug(cable_a=cable_a)
        case "fault", str(fault):
            rig.plant.set_fault(fault, fault not in rig.plant.faults)
        case "board_fault", str(fault):
            rig.plant.set_board_fault(fault, True)
        case "command", CommandVerb() as verb:
            rig.command(verb)
        case "alive", bool(alive):
            rig.alive = alive
        case "wish", (bool(close), int(duty_bp), LockTarget() as lock):
            rig.close, rig.duty_bp, rig.lock = close, duty_bp, lock
        case _:
            {"unplug": car.unplug, "pause": car.pause, "resume": car.resume}.get(
                name, car.pull_at_station
            )()


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(charging=st.booleans(), acts=LIVES)
def test_any_life_decides_itself_again(
    charging: bool, acts: list[tuple[tuple[str, object], int]]
) -> None:
    rig = FlightRig()
    if charging:
        rig.charge()
    live(rig, acts)
    rig.run(10)
    found = first_difference(decided_again(rig))
    assert found is None, found


# --- another kernel -------------------------------------------------------------------------------


def trip(rig: FlightRig, name: str) -> None:
    """Make the rule `name` matter in a charge."""
    if name == "EMERGENCY_STOP":
        rig.plant.set_fault("emergency_stop", True)
    else:
        rig.plant.car.pause()
    rig.run(4_000)


@pytest.mark.parametrize("name", ["EMERGENCY_STOP", "left_cd", "car_ready"])
def test_a_rule_taken_out_is_found_where_it_mattered(name: str) -> None:
    rig = FlightRig()
    rig.charge()
    trip(rig, name)
    found = first_difference(decided_again(rig, RULES.without(name)))
    assert found is not None, "no difference"
    assert "output coil" in {difference.what for difference in found.differences}


def test_a_rule_taken_out_is_not_missed_where_it_did_not_matter() -> None:
    rig = FlightRig()
    rig.charge()
    assert first_difference(decided_again(rig, RULES.without("EMERGENCY_STOP"))) is None


def test_after_a_difference_each_period_is_judged_by_itself() -> None:
    rig = FlightRig()
    rig.charge()
    flight = rig.kept()
    altered = list(flight.records)
    middle = len(altered) // 2
    wrong = msgspec.structs.replace(altered[middle].outputs, coil=not altered[middle].outputs.coil)
    flight.records[middle] = msgspec.structs.replace(altered[middle], outputs=wrong)
    steps = list(replay(read(written(flight))))
    assert [n for n, step in enumerate(steps) if step.differences] == [middle]
    (difference,) = steps[middle].differences
    assert (difference.what, difference.recorded) == ("output coil", wrong.coil)


def test_what_was_not_kept_is_taken_as_it_was_recorded() -> None:
    rig = FlightRig()
    rig.charge()
    for _ in range(MAX_TAKEN):
        rig.command(CommandVerb.ACKNOWLEDGE)
    rig.command(CommandVerb.FORCE_UNLOCK)
    rig.close = False
    rig.renew()
    rig.run(3_000)
    steps = decided_again(rig)
    assert first_difference(steps) is None
    assert [step.guessed for step in steps].count(True) == 1


def test_the_closing_rules_that_bar_are_named() -> None:
    rig = FlightRig()
    rig.run(3_000)
    rig.plant.car.plug(cable_a=32)
    rig.close, rig.duty_bp = True, 2_666
    rig.run(3_000)
    last = decided_again(rig)[-1]
    assert last.barred == ("The plug reads locked, where there is a lock.",)


# --- files that are not whole ---------------------------------------------------------------------


def small_flight() -> bytes:
    rig = FlightRig()
    rig.run(200)
    rig.host.permit(1, Permit(5_000, True, 2_666), rig.now_ms)
    rig.run(100)
    return written(rig.kept())


WHOLE = small_flight()


@given(end=st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_short_anywhere_is_refused_in_words(end: int) -> None:
    with pytest.raises((TornFlight, NoFlight)) as caught:
        read(WHOLE[:end])
    assert "flight" in str(caught.value)


@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_a_file_with_another_byte_in_it_is_refused_in_words(at: int, value: int) -> None:
    changed = bytearray(WHOLE)
    if changed[at] == value:
        return
    changed[at] = value
    with pytest.raises((TornFlight, NoFlight)):
        read(bytes(changed))


@given(data=st.binary(max_size=200))
def test_any_other_file_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(NoFlight, match="flight"):
        read(data)


def test_what_is_left_of_a_torn_file_can_be_decided_again() -> None:
    lines = WHOLE.splitlines(keepends=True)
    torn = b"".join(lines[:12]) + lines[12][:-3]
    found = read(torn, torn=True)
    assert len(found.records) == 11
    assert "torn" in found.torn
    assert all(not step.differences for step in replay(found))


def test_a_newer_format_is_refused_by_its_number() -> None:
    newer = WHOLE.replace(b'"flight":1', f'"flight":{FORMAT + 1}'.encode(), 1)
    with pytest.raises(NoFlight, match=f"format {FORMAT + 1}; this program reads up to {FORMAT}"):
        read(newer)


def test_deeply_nested_garbage_is_no_flight() -> None:
    with pytest.raises(NoFlight):
        read(b"[" * 100_000)


def without_field(data: bytes, name: str) -> Recorded:
    """As if a program had recorded it that did not know a field."""
    first, rest = data.split(b"\n", 1)
    header = msgspec.json.decode(first)
    del header["start"]["state"][name]
    return read(msgspec.json.encode(header) + b"\n" + rest, torn=True)


def test_a_field_that_the_recorder_did_not_know_is_not_compared() -> None:
    rig = FlightRig()
    rig.charge()
    found = without_field(written(rig.kept()), "coil_since_ms")
    assert "coil_since_ms" not in found.fields
    whats = {d.what for step in replay(found) for d in step.differences}
    assert "coil_since_ms" not in whats


def test_a_field_that_only_the_recorder_knew_is_told() -> None:
    first, rest = WHOLE.split(b"\n", 1)
    header = msgspec.json.decode(first)
    header["start"]["state"]["forgotten_rule"] = 3
    found = read(msgspec.json.encode(header) + b"\n" + rest, torn=True)
    assert found.unknown == ("forgotten_rule",)
    assert all(not step.differences for step in replay(found))


def test_the_trigger_says_which_trip() -> None:
    rig = FlightRig()
    rig.charge()
    rig.plant.set_fault("emergency_stop", True)
    rig.run(2_500)
    flight = rig.recorder.collect(rig.now_ms)
    assert flight is not None
    found = read(written(flight))
    assert (found.header.trigger.cause, found.header.trigger.detail) == (
        Cause.TRIP,
        Reason.EMERGENCY_STOP.name,
    )
