"""The pins between guard process and plant: what one side says, the other side hears."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.board_faults import BoardFault
from evse.guard.facts import Inputs, Outputs
from evse.guard.lock_drive import LockDrive
from evse.pilot import PilotSample
from hil.plant.pin_wire import Turn, decode_turn, encode

OUTPUTS = st.builds(
    Outputs,
    coil=st.booleans(),
    duty_bp=st.integers(0, 10_000),
    lock_drive=st.sampled_from(LockDrive),
    rcd_test=st.booleans(),
    phases=st.sampled_from((0, 1, 3)),
)
FAULTS = st.sets(st.sampled_from(BoardFault)).map(lambda some: BoardFault(sum(some)))
INPUTS = st.builds(
    Inputs,
    sample=st.none() | st.builds(PilotSample, st.integers(-15_000, 15_000), st.none()),
    mirror_closed=st.booleans(),
    phase_feedback=st.none() | st.booleans(),
    faults=FAULTS,
)


@given(st.dictionaries(st.integers(1, 9), OUTPUTS))
def test_outputs_arrive_as_they_were_driven(drive: dict[int, Outputs]) -> None:
    assert decode_turn(encode(Turn(drive))) == Turn(drive)


@given(st.dictionaries(st.integers(1, 9), INPUTS))
def test_readings_arrive_as_they_were_taken(readings: dict[int, Inputs]) -> None:
    line = encode(readings)
    assert line.count(b"\n") == 1
    assert msgspec.json.decode(line, type=dict[int, Inputs]) == readings


def test_a_broken_line_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_turn(b'{"drive": {"1"')
