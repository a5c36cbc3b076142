"""`evse ocpp` as a process, through a proxy: it reconnects, says goodbye, leaves a log."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ocpp.v16 import call

from evse.clock import MonotonicClock
from hil.csms.brain import CsmsBrain
from hil.csms.fault_proxy import FaultProxy
from hil.csms.server import CsmsServer

DEMO = Path(__file__).parents[2] / "hil" / "station_demo.toml"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - conditions of several peers, not one event
            await asyncio.sleep(0.01)


@pytest.mark.proc
def test_a_process_reconnects_says_goodbye_and_leaves_a_log(tmp_path: Path) -> None:
    """Pitfall 24, with the process, its configuration and its settings as they are shipped."""

    async def test() -> None:
        csms = CsmsServer(CsmsBrain(MonotonicClock()))
        await csms.start()
        proxy = FaultProxy(csms._port)
        await proxy.start()
        config = tmp_path / "station.toml"
        url = f"ws://127.0.0.1:{proxy.port}/ocpp"
        config.write_text(DEMO.read_text("utf-8").replace("ws://127.0.0.1:9000/ocpp", url), "utf-8")
        link = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evse", "ocpp", "--config", str(config)),
            *("--state-dir", str(tmp_path), "--socket", str(tmp_path / "door.sock")),
            env={**os.environ, "PIEVSE_BOOT_ID": "test"},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await until(lambda: csms.brain.sent("BootNotification"))
            (identity,) = csms.peers
            for key, value in (("RetryBackoffWaitMinimum", "1"), ("RetryBackoffRandomRange", "0")):
                answer = await csms.call(identity, call.ChangeConfiguration(key=key, value=value))
                assert answer.status == "Accepted", key
            proxy.reset()
            await until(lambda: proxy.connections == 2 and csms.peers)
            peer = csms.peers[identity]._websocket
            link.send_signal(signal.SIGTERM)
            async with asyncio.timeout(3):
                _, told = await link.communicate()
                await peer.wait_closed()
            assert (link.returncode, peer.close_code) == (0, 1000), told.decode()
        finally:
            if link.returncode is None:
                link.kill()
                await link.wait()
            await proxy.stop()
            await csms.stop()

    asyncio.run(test())
    log = (tmp_path / "ocpp-frames.jsonl").read_text("utf-8")
    assert log.count('"words":"connected to') == 2
    assert log.count('"action":"BootNotification"') == 2, "a CALL and its answer, once"
