"""The WebSocket shell and the whole process, over loopback, against the demo back office."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ocpp.v16 import call
from ocpp_bench import Bench, bench, run, until
from ocpp_rig import token

from hil.csms.brain import Misbehaviour
from hil.csms.server import CsmsServer
from ocpp_link import core_client
from ocpp_link.config import FrameLogConfig
from ocpp_link.device.settings import Settings
from ocpp_link.wire.frame_log import Line
from ocpp_link.wire.reconnect import BackoffSettings


def test_a_session_through_real_sockets_is_billed(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.brain.statuses.get(1) == "Available")
            assert set(b.csms.peers) == {"CP 1/a"}
            b.core.session("s-1")
            await until(lambda: b.brain.bill and not b.brain.open_transactions())
            await until(lambda: b.core.acknowledged == 5)
            assert b.brain.complaints == []

    run(test)


def test_the_back_office_commands_and_the_cores_answers_travel(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.brain.statuses.get(1) == "Available")
            answer = await b.csms.call("CP 1/a", call.UnlockConnector(connector_id=1))
            assert answer.status == "Unlocked"
            answer = await b.csms.call("CP 1/a", call.RemoteStartTransaction(id_tag="APP"))
            assert answer.status == "Accepted"
            wanted = ["evse_manager.force_unlock", "auth_token_provider.present"]
            await until(lambda: [name for name, _ in b.core.commands if name in wanted] == wanted)
            replies: list[Any] = []
            asked = {"provided_token": token("CARD")}
            b.core.hub.ask(core_client.VALIDATE_TOKEN, asked, replies.append)
            await until(lambda: replies)
            assert replies[0]["authorization_status"] == "Accepted"
            assert b.brain.sent("Authorize") == [{"idTag": "CARD"}]
            await b.csms.stop()
            await until(lambda: not b.process.connection.is_connected)
            asked = {"provided_token": token("OTHER")}
            b.core.hub.ask(core_client.VALIDATE_TOKEN, asked, replies.append)
            await until(lambda: len(replies) == 2)
            assert "out of reach" in replies[1].message

    run(test)


def test_a_back_office_that_restarts_misses_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.brain.statuses)
            for number in range(5):
                await b.csms.stop()
                b.core.session(f"s-{number}")
                await until(lambda: not b.process.connection.is_connected)
                await b.csms.start()
                await until(lambda n=number: len(b.brain.bill) == n + 1)
            await until(lambda: not b.brain.open_transactions())
            assert b.brain.complaints == []
            assert len(b.brain.sent("BootNotification")) == 1

    run(test)


def test_dropped_and_misbehaving_connections_lose_and_double_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, settings=Settings(message_retry_s=0)) as b:
            drop, after = Misbehaviour.DROP, Misbehaviour.DROP_AFTER
            b.brain.misbehave("StartTransaction", drop, after, Misbehaviour.CALLERROR, after)
            b.brain.misbehave("StopTransaction", after, drop, Misbehaviour.GARBAGE, after)
            b.brain.misbehave("StatusNotification", drop)
            b.core.session("s-1")
            b.core.session("s-2")
            await until(lambda: len(b.brain.bill) == 2 and not b.brain.open_transactions())
            await until(lambda: not len(b.process.engine.transactions.queue))
            assert b.brain.repeated_starts + b.brain.repeated_stops == 4
            assert b.brain.complaints == []

    run(test)


def test_a_core_that_restarts_is_followed_from_where_it_stood(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            b.core.session("s-1")
            await until(lambda: b.core.acknowledged == 5)
            await b.core.die()
            b.core.session("s-2")
            await b.core.come_back()
            await until(lambda: b.core.acknowledged == 10)
            await until(lambda: len(b.brain.bill) == 2 and not b.brain.open_transactions())
            b.core.events.clear()
            b.core.journal = "two"
            await b.core.die()
            b.core.session("s-3")
            await b.core.come_back()
            await until(lambda: b.core.acknowledged == 5)
            await until(lambda: len(b.brain.bill) == 3)

    run(test)


def test_a_link_that_restarts_resends_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            b.core.session("s-1")
            await until(lambda: b.brain.bill and not b.brain.open_transactions())
            await until(lambda: not len(b.process.engine.transactions.queue))
            await b.stop_link()
            b.link()
            await until(lambda: len(b.brain.sent("BootNotification")) == 2)
            b.core.session("s-2")
            await until(lambda: b.brain.sent("StopTransaction")[1:])
            assert b.brain.repeated_starts == b.brain.repeated_stops == 0

    run(test)


def test_disconnect_is_sticky_until_connect(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.csms.peers)
            connection = b.process.connection
            connection.disconnect()
            await until(lambda: not b.csms.peers)
            attempts = connection.attempts
            b.core.session("s-1")
            await asyncio.sleep(0.1)
            assert (connection.attempts, connection.is_connected) == (attempts, False)
            connection.connect()
            await until(lambda: b.brain.bill)

    run(test)


def test_disconnect_and_state_are_served_at_the_door(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            from evse.door.client import DoorClient

            await until(lambda: b.core.hub.provider("ocpp") and b.csms.peers)
            client = await DoorClient.connect(tmp_path / "core.sock")
            assert await client.call("ocpp.disconnect") is True
            await until(lambda: not b.csms.peers and not b.process.connection.is_connected)
            state = await client.call("ocpp.state")
            assert (state["is_connected"], state["queued"]) == (False, 0)
            assert await client.call("ocpp.connect") is True
            await until(lambda: b.csms.peers)
            await client.aclose()

    run(test)


def test_a_station_that_was_told_to_stay_away_stays_away_over_restarts(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.core.hub.provider("ocpp") and b.csms.peers)
            assert await b.process._serve("ocpp.stop", {}) is True
            await until(lambda: not b.csms.peers)
            await b.stop_link()
            b.link()
            await until(lambda: b.core.hub.provider("ocpp"))
            assert b.process.connection.state.wanted is False
            assert b.process.connection.attempts == 0
            assert await b.process._serve("ocpp.restart", {}) is True
            await until(lambda: b.csms.peers)
            await b.stop_link()
            b.link()
            await until(lambda: b.csms.peers)

    run(test)


def test_hostile_frames_leave_the_link_working(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.csms.peers)
            websocket = b.csms.peers["CP 1/a"]._websocket
            for frame in (
                '[2,"x",["Reset"],{}]',
                "[" * 9_000,
                "\x00",
                b"binary",
                '[3,"nobody",{}]',
                '[4,"nobody","GenericError","",{}]',
                '[2,7,"Reset",{}]',
                "x" * 200_000,
            ):
                await websocket.send(frame)
            answer = await b.csms.call("CP 1/a", call.ClearCache())
            assert answer.status == "Accepted"
            stats = b.process.engine.station.rpc.stats
            assert (stats.malformed, stats.oversized, stats.unmatched_replies) == (3, 1, 2)
            await websocket.send("x" * 300_000)
            await until(lambda: b.process.connection.attempts == 2 and b.csms.peers)

    run(test)


def test_the_authorization_key_is_sent_with_the_first_request(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        b = Bench(tmp_path, basic_auth_key=b"0123456789abcdef:\xfc")
        b.csms = CsmsServer(b.brain, basic_auth_key=b"0123456789abcdef:\xfc")
        await b.csms.start()
        await b.core.door.start()
        b.link()
        await until(lambda: b.brain.statuses.get(1) == "Available")
        assert set(b.csms.peers) == {"CP 1/a"}
        assert (b.csms.turned_away, b.process.connection.attempts) == (0, 1)
        await b.aclose()

    run(test)
    assert "unencrypted" in caplog.text
    assert "0123456789abcdef" not in caplog.text


def test_a_wrong_or_missing_authorization_key_is_turned_away_and_named(tmp_path: Path) -> None:
    async def test(**options: Any) -> None:
        b = Bench(tmp_path, **options)
        b.csms = CsmsServer(b.brain, basic_auth_key=b"right")
        await b.csms.start()
        await b.core.door.start()
        b.link()
        await until(lambda: "401" in b.process.connection.last_error)
        assert b.csms.turned_away
        assert not b.csms.peers
        await b.aclose()

    run(test)
    run(lambda: test(basic_auth_key=b"wrong"))


def test_a_stalled_disk_leaves_the_link_answering(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.brain.statuses.get(1) == "Available")
            blocker = sqlite3.connect(tmp_path / "link.db", isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            b.core.session("s-1")
            await until(lambda: b.brain.sent("StatusNotification")[4:])
            answer = await b.csms.call("CP 1/a", call.GetConfiguration(key=["HeartbeatInterval"]))
            assert answer.configuration_key
            assert (b.core.acknowledged, b.brain.bill) == (0, {})
            blocker.execute("ROLLBACK")
            blocker.close()
            await until(lambda: b.core.acknowledged == 5)
            await until(lambda: b.brain.bill)

    run(test)


def test_a_storage_thread_that_dies_ends_the_process(tmp_path: Path) -> None:
    async def test() -> None:
        b = Bench(tmp_path)
        await b.csms.start()
        b.link()
        b.process._store.submit(lambda _: [][1])
        assert b._task is not None
        with pytest.raises(ExceptionGroup):
            await b._task
        assert b.process.close()
        await b.csms.stop()

    run(test)


def test_a_core_that_comes_back_is_told_again_whether_we_are_connected(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as b:
            await until(lambda: b.core.hub.last("ocpp.is_connected", None) is True)
            await b.core.die()
            await b.core.come_back()
            await until(lambda: b.core.hub.last("ocpp.is_connected", None) is True)

    run(test)


def test_what_crosses_the_wire_is_written_down_without_its_secrets(tmp_path: Path) -> None:
    async def test() -> None:
        log = tmp_path / "frames.jsonl"
        async with bench(tmp_path, frame_log=FrameLogConfig(path=log)) as b:
            await until(lambda: b.brain.statuses.get(1) == "Available")
            key = call.ChangeConfiguration(key="AuthorizationKey", value="00112233445566778899")
            await b.csms.call("CP 1/a", key)
            await b.stop_link()
            lines = [msgspec.json.decode(line, type=Line) for line in log.read_bytes().splitlines()]
            calls = [x.action for x in lines if x.type == 2]
            assert calls[0] == "BootNotification"
            assert "StatusNotification" in calls
            assert lines[0].words == f"connected to {b.csms.url}/CP%201%2Fa, ocpp1.6"
            assert "ChangeConfiguration" in {x.action for x in lines if x.type == 3}
            assert b"0011223344" not in log.read_bytes()

    run(test)


def test_a_disk_that_refuses_the_log_costs_frames_of_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        gone = tmp_path / "gone" / "frames.jsonl"
        async with bench(tmp_path, frame_log=FrameLogConfig(path=gone)) as b:
            b.core.session("s-1")
            await until(lambda: b.brain.bill and not b.brain.open_transactions())
            for _ in range(2):
                b.process._frames.note("test")
                b.process._frames.flush()
                await asyncio.sleep(0.02)

    run(test)
    assert caplog.text.count("log of frames can not be written (No such file or directory)") == 1


def test_the_back_office_sets_how_soon_it_is_called_again(tmp_path: Path) -> None:
    """OCPP 2.0.1 part 4 §8.1 to 8.3, under the names that 1.6 stations give these settings."""

    async def test() -> None:
        async with bench(tmp_path, backoff=None) as b:
            await until(lambda: b.csms.peers)
            assert b.process._backoff() == BackoffSettings(2, 3, 5)
            for key, value in (
                ("RetryBackoffWaitMinimum", "7"),
                ("RetryBackoffRandomRange", "0"),
                ("RetryBackoffRepeatTimes", "1"),
            ):
                answer = await b.csms.call("CP 1/a", call.ChangeConfiguration(key=key, value=value))
                assert answer.status == "Accepted"
            assert b.process._backoff() == BackoffSettings(7, 0, 1)

    run(test)
