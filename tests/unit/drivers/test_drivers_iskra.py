"""A signing meter's scripts against a simulated one, byte by byte, in time of their own."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from drivers.errors import MeterError, MeterGarbled, MeterTimeout, SignerRefused
from drivers.metering.bus import ModbusBus
from drivers.metering.iskra import IskraWm3m4c, minimal_der
from drivers.metering.map import Line
from drivers.metering.ocmf import parse
from drivers.metering.ocmf_judge import judge
from drivers.metering.ocmf_verify import verify
from drivers.metering.signed import Script, SigningMeter, signed_value
from evse.clock import MonotonicClock, VirtualClock
from evse.types.ocmf import (
    OCMFIdentificationType,
    OCMFUserIdentificationStatus,
    TransactionReq,
)
from hil.plant.iskra_bytes import as_firmware_writes
from hil.plant.iskra_sim import STATUS, SimulatedIskra, State, Status
from hil.plant.meter_process import MeterPort
from hil.plant.meter_sim import MeterMode
from hil.plant.model import MeterTruth
from hil.sim.signer import Run, Slave

REQUEST = TransactionReq(
    evse_id="DE*PNX*E1",
    transaction_id="4711",
    identification_status=OCMFUserIdentificationStatus.ASSIGNED,
    identification_flags=(),
    identification_type=OCMFIdentificationType.ISO14443,
    identification_data="04A1B2C3",
)
MODEL = IskraWm3m4c(gateway="PiEVSE", serial="S1", version="1")


class World:
    """A meter, and time that passes while it is asked."""

    def __init__(self) -> None:
        self.clock = VirtualClock(5_000)
        self.wh = 12_345.0
        self.supplied = True
        self.meter = SimulatedIskra(self._truth)

    def _truth(self) -> MeterTruth | None:
        amps, watts = (16.0,) * 3, (3_680.0,) * 3
        return MeterTruth((230.0,) * 3, amps, watts, self.wh, 50.0) if self.supplied else None

    def run(
        self,
        script: Script[str],
        during: Callable[[], None] = lambda: None,
        *,
        on: Slave | None = None,
    ) -> str:
        """The script's result; `during` is called before each step."""
        run = Run(script, on or self.meter, self.clock)
        while True:
            during()
            found = run.advance()
            if found is not None:
                return found
            self.clock.advance_to(run.due_ms)

    def cut_power(self) -> None:
        self.supplied = False
        self.meter.feed(b"", self.clock.now_ms())
        self.supplied = True
        self.clock.advance_to(self.clock.now_ms() + 60_000)
        self.meter.feed(b"", self.clock.now_ms())


@pytest.fixture
def world() -> World:
    return World()


def test_6_3_2_the_public_key_is_told_as_it_is_printed(world: World) -> None:
    assert world.run(MODEL.identify()) == world.meter.public_key


def test_a_meter_without_a_key_is_refused(world: World) -> None:
    world.meter._put(8124, bytes(64))
    with pytest.raises(SignerRefused, match="no public key"):
        world.run(MODEL.identify())


def test_begin_and_end_are_signed_and_hold(world: World) -> None:
    begin = parse(world.run(MODEL.begin(REQUEST)))
    assert world.meter.state is State.ACTIVE
    world.wh += 7_000
    end = parse(world.run(MODEL.end(REQUEST)))
    assert world.meter.state is State.IDLE
    for record in (begin, end):
        assert verify(record, world.meter.public_key).valid
    assert (begin.payload.page, end.payload.page) == (1, 2)
    assert judge([end]).energy_wh == 7_000
    assert judge([end]).holds
    assert judge([end]).remarks == ()
    assert (end.payload.identification_type, end.payload.identification_data) == (
        "ISO14443",
        "04A1B2C3",
    )
    assert (end.payload.charge_point_type, end.payload.charge_point) == ("EVSEID", "DE*PNX*E1")


def test_the_station_s_time_is_what_the_meter_signs(world: World) -> None:
    (reading,) = parse(world.run(MODEL.begin(REQUEST))).readings
    assert abs((reading.time - world.clock.utc()).total_seconds()) <= 2


def test_signing_begins_and_ends_within_the_waits_of_a_session(world: World) -> None:
    before_ms = world.clock.now_ms()
    world.run(MODEL.begin(REQUEST))
    begun_ms = world.clock.now_ms()
    world.run(MODEL.end(REQUEST))
    assert begun_ms - before_ms < 1_500
    assert world.clock.now_ms() - begun_ms < 1_500


def test_a_transaction_that_was_left_open_is_ended_first_and_is_nobody_s(world: World) -> None:
    world.run(MODEL.begin(REQUEST))
    other = replace(REQUEST, identification_data="CAFE0002")
    begin = parse(world.run(MODEL.begin(other)))
    assert begin.payload.identification_data == "CAFE0002"
    assert begin.payload.page == 3


def test_6_6_after_a_loss_of_power_the_end_is_signed_with_time_and_input_given_anew(
    world: World,
) -> None:
    world.run(MODEL.begin(REQUEST))
    world.wh += 500
    world.cut_power()
    assert world.meter.state is State.AFTER_POWER_FAILURE
    end = parse(world.run(MODEL.end(REQUEST)))
    assert verify(end, world.meter.public_key).valid
    assert end.payload.identification_data == "04A1B2C3"
    assert judge([end]).energy_wh == 500


def test_6_6_after_a_loss_of_power_another_transaction_may_begin(world: World) -> None:
    world.run(MODEL.begin(REQUEST))
    world.cut_power()
    begin = parse(world.run(MODEL.begin(replace(REQUEST, identification_data="CAFE0002"))))
    assert begin.payload.identification_data == "CAFE0002"
    assert world.meter.state is State.ACTIVE


def test_power_lost_while_it_signs_ends_in_a_timeout_or_a_refusal(world: World) -> None:
    steps = [0]

    def during() -> None:
        steps[0] += 1
        if steps[0] == 16:
            world.cut_power()

    with pytest.raises((SignerRefused, MeterGarbled)):
        world.run(MODEL.begin(REQUEST), during)
    world.run(MODEL.begin(REQUEST))


def test_there_is_nothing_to_end_where_nothing_has_begun(world: World) -> None:
    with pytest.raises(SignerRefused, match="no transaction to end"):
        world.run(MODEL.end(REQUEST))


def test_a_refusal_of_the_meter_is_named(world: World) -> None:
    world.meter.refuses = Status.INVALID_TIME
    with pytest.raises(SignerRefused, match=r"did not become active.*invalid date or time \(128\)"):
        world.run(MODEL.begin(REQUEST))


def test_a_meter_that_does_not_answer_is_a_timeout(world: World) -> None:
    world.meter.set_mode(MeterMode.SILENT)
    with pytest.raises(MeterTimeout):
        world.run(MODEL.begin(REQUEST))


class Deafened:
    """A meter whose answer to the first frame of a kind is lost on the wire."""

    def __init__(self, meter: SimulatedIskra, head: bytes) -> None:
        self._meter = meter
        self._head = head
        self.lost = 0

    def feed(self, data: bytes, now_ms: int) -> bytes:
        answer = self._meter.feed(data, now_ms)
        if self.lost or not data.startswith(self._head, 1):
            return answer
        self.lost += 1
        return b""


@pytest.mark.parametrize(
    "head",
    [struct.pack(">BH", 6, 7051), struct.pack(">BH", 16, 7100), struct.pack(">BH", 3, 7612)],
    ids=["command", "input", "record"],
)
def test_an_answer_that_is_lost_once_costs_nothing(world: World, head: bytes) -> None:
    """A command is not given again: its effect is looked for."""
    line = Deafened(world.meter, head)
    begin = parse(world.run(MODEL.begin(REQUEST), on=line))
    assert line.lost == 1
    assert begin.payload.page == 1
    assert verify(begin, world.meter.public_key).valid


@given(st.binary(max_size=80))
def test_any_signature_is_mended_or_refused(raw: bytes) -> None:
    try:
        mended = minimal_der(raw)
    except MeterGarbled:
        return
    assert len(mended) <= len(raw) + 2
    assert minimal_der(mended) == mended


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1), st.integers(0, 255))
def test_zeros_ahead_of_a_number_are_taken_out(r: int, s: int, shift: int) -> None:
    proper = encode_dss_signature(r, s >> shift)
    assert minimal_der(as_firmware_writes(proper)) == proper
    assert minimal_der(proper) == proper


def test_a_bar_in_a_token_can_not_split_the_record(world: World) -> None:
    odd = replace(REQUEST, identification_data='a|b"c')
    record = world.run(MODEL.begin(odd))
    assert parse(record).payload.identification_data == 'a b"c'
    assert signed_value(record, "", odd, ended=False).signed_meter_data == record


def test_what_the_meter_can_not_hold_is_refused_before_it_is_written(world: World) -> None:
    with pytest.raises(SignerRefused, match="bytes of input are more than 1024"):
        world.run(MODEL.begin(replace(REQUEST, identification_data="x" * 1_000)))
    assert world.meter.state is State.IDLE


class Killed(Exception):
    """The core."""


@pytest.mark.parametrize("signing", [False, True])
def test_an_end_whose_record_nobody_fetched_is_fetched_after_a_restart(
    world: World, signing: bool
) -> None:
    world.run(MODEL.begin(REQUEST))
    world.wh += 7_000

    def kill() -> None:
        over = world.meter.state is State.IDLE
        if over and (signing or world.meter._memory[STATUS] == Status.OK):
            raise Killed

    with pytest.raises(Killed):
        world.run(MODEL.end(REQUEST), kill)
    value = signed_value(world.run(MODEL.end(REQUEST)), "", REQUEST, ended=True)
    record = parse(value.signed_meter_data)
    assert verify(record, world.meter.public_key).valid
    assert judge([record]).energy_wh == 7_000


def test_a_record_of_another_customer_is_never_passed_on(world: World) -> None:
    record = world.run(MODEL.begin(REQUEST))
    with pytest.raises(MeterGarbled, match="another customer"):
        signed_value(record, "", replace(REQUEST, identification_data="CAFE0002"), ended=False)


@pytest.mark.parametrize("record", ["", "OCMF|{}|{}"])
def test_what_is_no_record_is_never_passed_on(record: str) -> None:
    with pytest.raises(MeterGarbled, match="can not be read"):
        signed_value(record, "", REQUEST, ended=False)


def test_a_record_that_is_still_the_one_before_is_never_passed_on(world: World) -> None:
    """Of the same customer, so that nothing else tells them apart."""
    begin = world.run(MODEL.begin(REQUEST))
    with pytest.raises(MeterGarbled, match="does not hold the end"):
        signed_value(begin, "", REQUEST, ended=True)
    end = world.run(MODEL.end(REQUEST))
    assert signed_value(end, "", REQUEST, ended=True).signed_meter_data == end
    with pytest.raises(MeterGarbled, match="of one that is over"):
        signed_value(end, "", REQUEST, ended=False)


def test_the_driver_signs_over_a_real_line(tmp_path: Path) -> None:
    """The same scripts on the bus of the product, on a pty."""
    truth = MeterTruth((230.0,) * 3, (0.0,) * 3, (0.0,) * 3, 1_000.0, 50.0)
    meter = SimulatedIskra(lambda: truth)

    async def scenario() -> None:
        port = MeterPort(meter, tmp_path / "meter", MonotonicClock())
        bus = ModbusBus(str(tmp_path / "meter"), Line(baud=115_200, stop_bits=2), timeout_ms=100)
        signer = SigningMeter(bus, 33, MODEL, lambda: 1_767_225_600)
        try:
            begin = await signer.begin(REQUEST)
            end = await signer.end(REQUEST)
            assert await signer.end(REQUEST) == end, "asked again it is the same"
            with pytest.raises(MeterError):
                await signer.end(replace(REQUEST, identification_data="CAFE0002"))
        finally:
            await bus.aclose()
            port.close()
        for value in (begin, end):
            assert value.public_key == meter.public_key
            assert verify(parse(value.signed_meter_data), str(value.public_key)).valid
        assert len(parse(end.signed_meter_data).readings) == 2

    asyncio.run(scenario())
