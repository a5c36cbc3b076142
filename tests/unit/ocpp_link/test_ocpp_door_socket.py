"""The link's own socket, and what reaches the link through the core's door, over real sockets."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from door_rig import json_of, key
from ocpp_bench import bench, run, until

from evse.door.client import DoorClient
from evse.door.jsonrpc import NOT_ALLOWED, RpcError
from evse.door.roles import Access, Credentials, Role
from evse.types.ocpp_schedules import ChargingSchedulePeriod, ChargingSchedules

GOLDEN = Path(__file__).parents[2] / "data" / "interface" / "ocpp" / "ChargingSchedulePeriod.json"


def test_the_same_answers_come_from_both_doors(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, socket=tmp_path / "ocpp.sock") as b:
            await until(lambda: b.core.hub.provider("ocpp") and b.brain.statuses)
            own = await DoorClient.connect(tmp_path / "ocpp.sock")
            core = await DoorClient.connect(tmp_path / "core.sock")
            asked = {"requests": [{"component_variable": key("HeartbeatInterval")}]}
            answers = [await door.call("ocpp.get_variables", asked) for door in (own, core)]
            assert answers[0] == answers[1]
            assert answers[0][0]["status"] == "Accepted"
            request = {"operational_status": "Inoperative"}
            for door in (own, core):
                said = await door.call("ocpp.change_availability", {"request": request})
                assert said == {"status": "Accepted"}
            for door in (own, core):
                with pytest.raises(RpcError) as refused:
                    await door.call("ocpp.set_variables", {"requests": [], "source": 7})
                assert refused.value.data == {"field": "source"}
            assert "data_transfer.claim" in (await own.call("hello"))["methods"]
            await own.aclose()
            await core.aclose()

    run(test)


def test_what_happens_is_told_at_both_doors(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, socket=tmp_path / "ocpp.sock") as b:
            await until(lambda: b.core.hub.provider("ocpp") and b.brain.statuses)
            own = await DoorClient.connect(tmp_path / "ocpp.sock")
            told: list[Any] = []
            await own.subscribe("ocpp.ocpp_transaction_event", lambda p: told.append(p["value"]))
            b.core.session("s-1")
            await until(lambda: len(told) == 3)
            kinds = [event["transaction_event"] for event in told]
            assert kinds[0] == "Started"
            assert sorted(kinds[1:]) == ["Ended", "Updated"], "the id may come when all is over"
            at_the_core = b.core.hub.last
            await until(lambda: at_the_core("ocpp.ocpp_transaction_event_response", None))
            assert at_the_core("ocpp.is_connected", None) is True
            assert at_the_core("ocpp_1_6_charge_point.is_connected", None) is True
            assert at_the_core("ocpp.boot_notification_response", None).status == "Accepted"
            await until(lambda: at_the_core("ocpp.charging_schedules", None))
            schedules = at_the_core("ocpp.charging_schedules", None)
            assert [schedule.evse for schedule in schedules.schedules] == [0, 1]
            assert await own.call("ocpp.stop") is True
            await until(lambda: at_the_core("ocpp.is_connected", None) is False)
            await own.aclose()

    run(test)


def test_all_22_fields_of_a_period_survive_both_doors(tmp_path: Path) -> None:
    """Page ocpp, ChargingSchedulePeriod."""
    period = msgspec.json.decode(GOLDEN.read_bytes(), type=ChargingSchedulePeriod)
    assert len(period.__struct_fields__) == 22
    schedule = {
        "evse": 1,
        "charging_rate_unit": "A",
        "charging_schedule_period": [json_of(period)],
        "duration": 60,
        "start_schedule": "2026-01-01T00:00:00Z",
        "min_charging_rate": 6.0,
    }
    wanted = {"schedules": [schedule]}

    async def test() -> None:
        async with bench(tmp_path, socket=tmp_path / "ocpp.sock") as b:
            await until(lambda: b.core.hub.provider("ocpp"))
            await asyncio.sleep(0.3)  # the process's own first schedules are told
            own = await DoorClient.connect(tmp_path / "ocpp.sock")
            told: list[Any] = []
            variable = "ocpp.charging_schedules"
            await own.subscribe(variable, lambda p: told.append(p["value"]))
            b.process.door.publish(variable, msgspec.convert(wanted, ChargingSchedules))
            await until(lambda: told)
            assert told == [wanted]
            await until(lambda: json_of(b.core.hub.last(variable, None)) == wanted)
            await own.aclose()

    run(test)


class Everybody(Access, frozen=True):
    """Who takes every peer for the same."""

    role: Role | None = None

    def role_of(self, peer: Credentials) -> Role | None:
        return self.role


@pytest.mark.parametrize("role", [None, Role.OBSERVER])
def test_who_has_no_role_or_a_small_one_is_refused(tmp_path: Path, role: Role | None) -> None:
    own = tmp_path / "ocpp.sock"

    async def test() -> None:
        async with bench(tmp_path, socket=own, access=Everybody(own_uid=0, role=role)):
            await until(own.is_socket)
            assert stat.S_IMODE(own.stat().st_mode) == 0o660
            client = await DoorClient.connect(own)
            with pytest.raises(RpcError) as refused:
                await client.call("ocpp.set_variables", {"requests": [], "source": "me"})
            assert refused.value.code == NOT_ALLOWED
            await client.aclose()
        assert not own.exists(), "the socket goes with its process"

    run(test)


def test_a_socket_that_is_taken_costs_the_door_and_not_the_link(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, socket=tmp_path / "core.sock") as b:
            await until(lambda: b.brain.statuses.get(1) == "Available")

    run(test)
