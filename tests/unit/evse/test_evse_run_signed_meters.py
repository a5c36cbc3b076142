"""A running core's signing meters over a pty: each call is answered once, in order, in bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from drivers.errors import MeterMapError
from drivers.metering.bus import ModbusBus
from drivers.metering.map import Line, Request
from drivers.metering.ocmf import parse
from drivers.metering.ocmf_verify import verify
from drivers.metering.settings import meter_problems
from evse.clock import MonotonicClock
from evse.config.load import parse as parse_config
from evse.config.read import ConfigError
from evse.config.station import StationConfig
from evse.door.spelling import Interface
from evse.metering.signed import request_of
from evse.run.core import CoreProcess
from evse.run.signed_meters import SignedMeters
from evse.types.authorization import (
    AuthorizationType,
    IdToken,
    IdTokenType,
    ProvidedIdToken,
)
from evse.types.ocmf import TransactionRequestStatus
from hil.plant.iskra_sim import SimulatedIskra
from hil.plant.meter_process import MeterPort
from hil.plant.meter_sim import MeterMode
from hil.plant.model import MeterTruth
from ocpp_link.core_client import PUBLIC_KEY

TRUTH = MeterTruth((230.0,) * 3, (0.0,) * 3, (0.0,) * 3, 12_000.0, 50.0)
CARD = ProvidedIdToken(
    id_token=IdToken(value="04A1B2C3", type=IdTokenType.ISO14443),
    authorization_type=AuthorizationType.RFID,
)
REQUEST = request_of("DE*PNX*E1", "uuid 1", CARD)
TOML = """
[station]
identity = "S1"
[board]
kind = "simulated"
[[evse]]
id = 1
evse_id = "DE*PNX*E1"
connector = "cable"
max_current_a = 16
[evse.meter]
kind = "modbus"
model = "MODEL"
unit = 33
signed = true
[authorization]
mode = "free"
"""


def config(model: str = "iskra_wm3m4") -> StationConfig:
    return parse_config(TOML.replace("MODEL", model), "test.toml")


class Rig:
    """The meters, one simulated, and all that was told."""

    def __init__(self, link: Path) -> None:
        self.meter = SimulatedIskra(lambda: TRUTH)
        self.port = MeterPort(self.meter, link, MonotonicClock())
        self.bus = ModbusBus(str(link), Line(baud=115_200), timeout_ms=30)
        self.told: list[tuple[Any, ...]] = []
        self._changed = asyncio.Event()
        self.signed = SignedMeters(
            config(),
            MonotonicClock(),
            bus_of=lambda _evse: self.bus,
            on_begun=lambda *what: self._tell("begun", *what),
            on_ended=lambda *what: self._tell("ended", *what),
            on_key=lambda *what: self._tell("key", *what),
        )

    def _tell(self, *what: Any) -> None:
        self.told.append(what)
        self._changed.set()

    async def until(self, count: int) -> list[tuple[Any, ...]]:
        async with asyncio.timeout(10):
            while len(self.told) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.told


def on_rig(link: Path, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        rig = Rig(link)
        task = asyncio.create_task(rig.signed.run())
        try:
            await scenario(rig)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await rig.bus.aclose()
            rig.port.close()

    asyncio.run(run())


def test_begin_and_end_are_answered_in_their_order_with_records_that_verify(
    tmp_path: Path,
) -> None:
    async def scenario(rig: Rig) -> None:
        rig.signed.begin(1, REQUEST)
        rig.signed.end(1, REQUEST)
        key, begun, ended = await rig.until(3)
        assert key == ("key", 1, rig.meter.public_key)
        assert (begun[:3], ended[:3]) == (("begun", 1, "uuid 1"), ("ended", 1, "uuid 1"))
        for answer in (begun[3], ended[3]):
            assert answer.status is TransactionRequestStatus.OK
            record = parse(answer.signed_meter_value.signed_meter_data)
            assert verify(record, key[2]).valid

    on_rig(tmp_path / "meter", scenario)


def test_a_meter_that_does_not_answer_is_told_as_an_error_and_found_again(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        rig.meter.set_mode(MeterMode.SILENT)
        rig.signed.begin(1, REQUEST)
        ((what, _evse, _id, answer),) = await rig.until(1)
        assert (what, answer.status) == ("begun", TransactionRequestStatus.UNEXPECTED_ERROR)
        assert "no answer in" in answer.error
        rig.meter.set_mode(MeterMode.NORMAL)
        other = replace(REQUEST, transaction_id="uuid 2")
        rig.signed.begin(1, other)
        told = await rig.until(3)
        assert {what for what, *_ in told[1:]} == {"key", "begun"}
        assert told[-1][3].status is TransactionRequestStatus.OK

    on_rig(tmp_path / "meter", scenario)


def test_a_meter_that_was_replaced_is_known_by_its_new_key(tmp_path: Path) -> None:
    async def scenario(rig: Rig) -> None:
        await rig.until(1)
        rig.meter.replace_by(seed=2)
        rig.signed.begin(1, REQUEST)
        old, new, begun = await rig.until(3)
        assert (old[0], new) == ("key", ("key", 1, rig.meter.public_key))
        assert old[2] != new[2]
        value = begun[3].signed_meter_value
        assert verify(parse(value.signed_meter_data), value.public_key).valid

    on_rig(tmp_path / "meter", scenario)


def test_a_model_that_does_not_sign_is_refused_in_words() -> None:
    with pytest.raises(MeterMapError, match=r"sdm630 can not be asked to sign here; iskra_wm3m4"):
        SignedMeters(
            config("sdm630"),
            MonotonicClock(),
            bus_of=lambda _evse: ModbusBus("/nowhere", Line(baud=9_600)),
            on_begun=lambda *_: None,
            on_ended=lambda *_: None,
            on_key=lambda *_: None,
        )


def test_a_configuration_with_such_a_model_is_refused_before_it_runs() -> None:
    assert meter_problems(config()) == []
    (problem,) = meter_problems(config("sdm630"))
    assert problem.startswith("[evse 1.meter] meter model sdm630 can not be asked to sign here")


def test_only_the_meter_that_bills_an_evse_signs() -> None:
    text = TOML.replace('kind = "modbus"', 'kind = "none"').replace("MODEL", "iskra_wm3m4")
    with pytest.raises(ConfigError, match=r"\[evse 1.meter\] signed = true is for the Modbus"):
        parse_config(text, "test.toml")


def test_a_running_core_publishes_the_key_of_its_meter(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()

    async def scenario() -> None:
        meter = SimulatedIskra(lambda: TRUTH)
        port = MeterPort(meter, run_dir / "meter-1.tty", MonotonicClock())
        core = CoreProcess(
            config(), state_dir=tmp_path, socket=run_dir / "door.sock", run_dir=run_dir
        )
        running = asyncio.create_task(core.run())
        try:
            async with asyncio.timeout(10):
                while core.hub.last(PUBLIC_KEY, 1, Interface.PRESENT) is None:
                    assert not running.done()
                    await asyncio.sleep(0.02)
        finally:
            core.life.stop()
            await running
            port.close()
        assert core.hub.last(PUBLIC_KEY, 1, Interface.PRESENT) == meter.public_key
        assert not core.life.failed

    asyncio.run(scenario())


class Gone(ModbusBus):
    """A line whose adapter is unplugged."""

    def __init__(self, port: str, line: Line, *, timeout_ms: int) -> None:
        super().__init__(port, line, timeout_ms=timeout_ms)
        self.asked_often = asyncio.Event()

    async def read(self, unit: int, function_code: int, request: Request) -> list[int]:
        if self.counters.requests >= 4:
            self.asked_often.set()
        return await super().read(unit, function_code, request)


def test_a_meter_that_is_gone_for_years_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("evse.run.signed_meters.KEY_RETRY_S", 0.02)

    async def body() -> int:
        bus = Gone(str(tmp_path / "gone"), Line(baud=115_200), timeout_ms=20)
        signed = SignedMeters(
            config(),
            MonotonicClock(),
            bus_of=lambda _evse: bus,
            on_begun=lambda *_: None,
            on_ended=lambda *_: None,
            on_key=lambda *_: None,
        )
        task = asyncio.create_task(signed.run())
        await asyncio.wait_for(bus.asked_often.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sum("public key can not be read" in each.message for each in caplog.records)

    assert asyncio.run(body()) == 1
