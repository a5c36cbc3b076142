"""The connection manager over loopback, in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus

import pytest
from msgspec.structs import replace
from websockets.utils import accept_key
from wire_rig import Office, Wire, raw_server, run, turns, until, wire

from ocpp_link.device.settings import Settings
from ocpp_link.wire.conversation import MAX_UNSENT, PONG_TIMEOUT_S
from ocpp_link.wire.dial import OPEN_TIMEOUT_S
from ocpp_link.wire.reconnect import STABLE_MS


def test_frames_cross_in_order_and_the_listener_hears_them() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            w.engine.say(["one", "two"])
            await until(lambda: w.office.heard == ["one", "two"])
            await w.office.peers[0].send("three")
            await until(lambda: w.engine.heard == ["three"])
            assert w.ear.crossed == [("out", "one"), ("out", "two"), ("in", "three")]
            assert (w.changes, w.engine.connected_as) == ([True], ["ocpp1.6"])
            assert w.source.successes == 1

    run(test)


def test_3_2_a_server_that_agrees_to_no_version_is_left_without_a_frame() -> None:
    """OCPP-J 1.6 §3.2; pitfall 1."""

    async def test() -> None:
        async with wire(Office(versions=())) as w:
            await w.failed()
            assert w.connection.state.failed_in == "subprotocol"
            assert "did not agree to any of: ocpp1.6" in w.connection.last_error
            assert (w.office.heard, w.engine.connected_as) == ([], [])

    run(test)


def test_a_server_that_answers_with_a_version_that_was_not_offered_is_left() -> None:
    async def insolent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _shake_hands(reader, writer, "ocpp2.1")

    async def test() -> None:
        async with raw_server(insolent) as url, wire(url=url) as w:
            await w.failed()
            assert w.connection.state.failed_in == "subprotocol"
            assert "ocpp2.1" in w.connection.last_error
            assert not w.engine.connected_as

    run(test)


def test_1_a_server_that_refuses_a_list_gets_each_version_alone() -> None:
    """Pitfall 1: after three refused handshakes with the list."""

    async def test() -> None:
        office = Office()
        office.choose = lambda offered: "ocpp1.6" if offered == ["ocpp1.6"] else None
        async with wire(office, versions=("ocpp2.0.1", "ocpp1.6")) as w:
            for failures in range(1, 5):
                await w.failed(failures)
                w.hours.pass_s(60)
            await w.connected()
            both = ["ocpp2.0.1", "ocpp1.6"]
            assert office.offers == [both, both, both, ["ocpp2.0.1"], ["ocpp1.6"]]
            assert w.engine.connected_as == ["ocpp1.6"]

    run(test)


def test_4_the_version_that_was_agreed_on_is_the_engines() -> None:
    """Pitfall 4: never 1.6-shaped frames on a socket on which 2.0.1 was agreed."""

    async def test() -> None:
        async with wire(Office(("ocpp2.0.1",)), versions=("ocpp2.0.1", "ocpp1.6")) as w:
            await w.connected()
            w.office.versions = ("ocpp1.6",)
            w.office.peers[0].transport.abort()
            await until(lambda: w.engine.lost == 1 and w.hours.waits_s)
            w.hours.pass_s(2)
            await until(lambda: w.engine.connected_as == ["ocpp2.0.1", "ocpp1.6"])

    run(test)


def test_24_it_never_gives_up_and_the_waits_grow_to_their_end() -> None:
    """Pitfall 24; OCPP 2.0.1 part 4 §5.3."""

    async def test() -> None:
        office = Office()
        async with wire(office) as w:
            await office.close()
            waits: list[float] = []
            for failures in range(1, 9):
                w.hours.pass_s(sum(waits[-1:]))
                await w.failed(failures)
                waits += w.hours.waits_s
            assert waits == [2, 4, 8, 16, 16, 16, 16, 16]
            assert w.connection.state.failed_in == "TCP"
            await office.open()
            w.hours.pass_s(16)
            await w.connected()

    run(test)


def test_while_connected_no_earlier_failure_is_shown() -> None:
    async def test() -> None:
        office = Office(versions=())
        async with wire(office) as w:
            await w.failed()
            assert w.connection.state.failed_in == "subprotocol"
            office.versions = ("ocpp1.6",)
            w.hours.pass_s(2)
            await w.connected()
            assert (w.connection.state.failed_in, w.connection.state.last_error) == ("", "")
            await office.peers[0].close(1001, "restarting")
            await until(lambda: w.engine.lost)
            assert w.connection.state.failed_in == "open"

    run(test)


def test_a_connection_that_lasted_is_followed_by_a_short_wait() -> None:
    async def test() -> None:
        async with wire() as w:
            for lasted_ms, wait_s in ((10, 2), (10, 4), (STABLE_MS, 2)):
                await w.connected()
                w.hours.pass_s(lasted_ms / 1_000)
                w.office.peers[0].transport.abort()
                await until(lambda: not w.connection.is_connected and w.hours.waits_s)
                assert w.hours.waits_s == [wait_s]
                await until(lambda: not w.office.peers)
                w.hours.pass_s(wait_s)

    run(test)


def test_26_whatever_ends_a_connection_the_engine_hears_of_it_once() -> None:
    """Pitfall 26: a close with a CALL pending must fail it, or its queue is stuck."""

    async def test() -> None:
        async with wire() as w:
            for number, end in enumerate(
                (
                    lambda: w.office.peers[0].transport.abort(),
                    lambda: asyncio.ensure_future(w.office.peers[0].close(1001, "restart")),
                    lambda: w.connection.reconnect("test"),
                ),
                start=1,
            ):
                await w.connected()
                end()
                await until(lambda n=number: w.engine.lost == n)
                await until(lambda: not w.office.peers or w.connection.is_connected)
                w.hours.pass_s(60)
            assert w.changes[:4] == [True, False, True, False]

    run(test)


def test_a_server_that_closes_says_why() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            await w.office.peers[0].close(1001, "restarting")
            await until(lambda: w.engine.lost)
            assert "closed the connection with 1001: restarting" in w.connection.last_error
            assert w.connection.state.failed_in == "open"

    run(test)


# Pings


def test_24_a_missing_pong_cuts_and_connects_again() -> None:
    """Pitfall 24: a peer that is there for TCP and for nobody else."""

    async def test() -> None:
        met = 0

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal met
            met += 1
            await _shake_hands(reader, writer, "ocpp1.6")

        async with raw_server(deaf) as url, wire(url=url) as w:
            w.engine.ping_interval_s = 30
            await until(lambda: w.connection.is_connected and w.hours.waits_s == [30])
            w.hours.pass_s(30)
            await until(lambda: w.hours.waits_s == [PONG_TIMEOUT_S])
            w.hours.pass_s(PONG_TIMEOUT_S)
            await until(lambda: w.engine.lost == 1 and w.hours.waits_s == [2])
            assert "does not answer pings" in w.connection.last_error
            w.hours.pass_s(2)
            await until(lambda: met == 2)

    run(test)


def test_a_pong_is_measured_and_the_next_ping_follows() -> None:
    async def test() -> None:
        async with wire() as w:
            w.engine.ping_interval_s = 30
            await until(lambda: w.connection.is_connected and w.hours.waits_s == [30])
            for _ in range(3):
                w.hours.pass_s(30)
                await until(lambda: w.hours.waits_s == [30])
            assert w.connection.is_connected
            assert w.connection.state.round_trip_ms is not None

    run(test)


def test_websocketpinginterval_is_in_effect_without_a_reconnect() -> None:
    """OCPP 1.6 §9.1.33: 0 stops the pings; a new interval begins when it is set."""

    async def test() -> None:
        async with wire() as w:
            w.engine.ping_interval_s = 3_600
            await until(lambda: w.connection.is_connected and w.hours.waits_s == [3_600])
            w.engine.ping_interval_s = 10
            w.connection.ping_interval_changed()
            await until(lambda: w.hours.waits_s == [10])
            w.engine.ping_interval_s = 0
            w.connection.ping_interval_changed()
            await until(lambda: w.hours.waits_s == [])
            w.engine.ping_interval_s = 20
            w.connection.ping_interval_changed()
            await until(lambda: w.hours.waits_s == [20])
            assert w.connection.attempts == 1

    run(test)


def test_pings_of_the_server_are_answered_while_own_pings_are_off() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            assert w.engine.ping_interval_s == 0
            async with asyncio.timeout(5):
                await (await w.office.peers[0].ping())

    run(test)


def test_a_peer_that_reads_nothing_is_cut_before_memory_grows() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            w.engine.say(["x" * 100] * (MAX_UNSENT + 1))
            await until(lambda: w.engine.lost == 1)
            assert "does not read" in w.connection.last_error

    run(test)


# Acts of others


def test_disconnect_is_sticky_and_takes_leave() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            w.engine.say(["last words"])
            w.connection.disconnect()
            await until(lambda: w.engine.lost == 1 and not w.office.peers)
            assert w.office.heard == ["last words"]
            w.hours.pass_s(3_600)
            await turns()
            assert (w.connection.attempts, w.connection.state.wanted) == (1, False)
            w.connection.connect()
            await w.connected()

    run(test)


def test_a_connection_that_was_told_to_stay_away_does_not_begin() -> None:
    async def test() -> None:
        async with wire(wanted=False) as w:
            await turns()
            assert w.connection.attempts == 0
            w.connection.connect()
            await w.connected()

    run(test)


def test_disconnect_ends_an_attempt_that_is_under_way() -> None:
    async def test() -> None:
        async with raw_server() as url, wire(url=url) as w:
            await until(lambda: w.hours.waits_s == [OPEN_TIMEOUT_S])
            w.connection.disconnect()
            await until(lambda: w.hours.waits_s == [])
            assert w.source.errors == []

    run(test)


def test_connect_ends_a_wait() -> None:
    async def test() -> None:
        office = Office()
        async with wire(office) as w:
            await office.close()
            await w.failed()
            await office.open()
            w.connection.connect()
            await w.connected()
            assert w.hours.now_s == 0

    run(test)


def test_reconnect_takes_the_endpoint_as_it_is_now_and_does_not_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "ocpp_link.wire.connection")

    async def test() -> None:
        async with wire() as w:
            await w.connected()
            w.engine.say(["answer"])
            w.connection.reconnect("the AuthorizationKey is new")
            await until(lambda: w.source.successes == 2)
            assert w.office.heard == ["answer"]
            assert w.hours.now_s == 0

    run(test)
    assert "is ended: the AuthorizationKey is new" in caplog.text


def test_reconnect_calls_an_attempt_with_the_old_endpoint_off() -> None:
    async def test() -> None:
        async with raw_server() as url, wire(url=url) as w:
            await until(lambda: w.hours.waits_s == [OPEN_TIMEOUT_S])
            office = Office()
            await office.open()
            w.source.now = replace(w.source.now, url=office.url)
            w.connection.reconnect("a new endpoint")
            await until(lambda: w.connection.is_connected)
            assert (w.hours.now_s, w.source.errors) == (0, [])
            w.connection.disconnect()
            await until(lambda: not w.connection.is_connected)
            await office.close()

    run(test)


@pytest.mark.parametrize("ends", ["disconnect", "cancelled"])
def test_an_attempt_that_is_called_off_at_any_moment_leaves_nothing_open(ends: str) -> None:
    """Also in the instant between the server's agreement and our hearing of it: such a connection
    would stand for ever, and its back office would believe that the station is there."""

    async def test() -> None:
        office = Office()
        await office.open()
        seen = 0
        for count in range(60):
            w = Wire(office, ("ocpp1.6",), wanted=True)
            await turns(count)
            seen += bool(office.peers)
            if ends == "disconnect":
                w.connection.disconnect()
                await until(lambda w=w: not w.connection.is_connected)
            w.task.cancel()
            await asyncio.gather(w.task, return_exceptions=True)
            await until(lambda: not office.peers)
            await turns()
            assert not office.peers
            assert w.engine.lost == len(w.engine.connected_as)
        assert seen, "some came so far"
        await office.close()

    run(test)


def test_connect_while_connected_spares_no_wait_later() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            w.connection.connect()
            w.office.peers[0].transport.abort()
            await until(lambda: not w.connection.is_connected and w.hours.waits_s == [2])

    run(test)


def test_47_flush_is_true_once_the_peer_has_read_all_of_it() -> None:
    """Pitfall 47: the answer to a Reset is out before the process goes."""

    async def test() -> None:
        async with wire() as w:
            assert not await w.connection.flush()
            await w.connected()
            w.engine.say(["answer to Reset"])
            assert await w.connection.flush()
            assert w.office.heard == ["answer to Reset"]
            w.office.peers[0].transport.pause_reading()
            w.engine.say(["unheard"])
            flushing = asyncio.ensure_future(w.connection.flush())
            await until(lambda: w.hours.waits_s)
            w.hours.pass_s(2)
            assert not await flushing
            w.office.peers[0].transport.resume_reading()

    run(test)


# Reasons, in words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (HTTPStatus.UNAUTHORIZED, "AuthorizationKey"),
        (HTTPStatus.FORBIDDEN, "forbids"),
        (HTTPStatus.NOT_FOUND, "path or this identity"),
        (HTTPStatus.BAD_GATEWAY, "proxy"),
        (HTTPStatus.IM_A_TEAPOT, "HTTP 418"),
    ],
)
def test_what_http_answers_is_put_into_words(status: HTTPStatus, words: str) -> None:
    async def test() -> None:
        office = Office()
        office.admit = lambda connection, _request: connection.respond(status, "no\n")
        async with wire(office) as w:
            await w.failed()
            assert words in w.connection.last_error
            assert w.connection.state.failed_in == "HTTP"
            assert str(status.value) in str(w.source.errors[0])

    run(test)


def test_a_redirect_is_told_and_not_followed() -> None:
    """Credentials must not go where a stranger points to."""

    async def test() -> None:
        office = Office()

        def elsewhere(connection, _request):
            response = connection.respond(HTTPStatus.FOUND, "")
            response.headers["Location"] = "ws://127.0.0.1:1/elsewhere"
            return response

        office.admit = elsewhere
        async with wire(office) as w:
            await w.failed()
            assert "redirects to ws://127.0.0.1:1/elsewhere" in w.connection.last_error

    run(test)


def test_2_who_speaks_no_http_is_told_of() -> None:
    """Pitfall 2."""

    async def test() -> None:
        async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        async with raw_server(babble) as url, wire(url=url) as w:
            await w.failed()
            assert "does not speak HTTP" in w.connection.last_error

    run(test)


def test_an_attempt_that_hangs_ends_in_time() -> None:
    async def test() -> None:
        async with raw_server() as url, wire(url=url) as w:
            await until(lambda: w.hours.waits_s == [OPEN_TIMEOUT_S])
            await turns(200)
            w.hours.pass_s(OPEN_TIMEOUT_S)
            await w.failed()
            assert "did not answer in time" in w.connection.last_error

    run(test)


@pytest.mark.parametrize(
    ("url", "phase", "words"),
    [
        ("https://host", "address", "begins wss://"),
        ("ws://name.invalid", "DNS", "name"),
        ("ws://127.0.0.1:1", "TCP", "nothing listens"),
    ],
)
def test_each_phase_has_its_words(
    url: str, phase: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with wire(url=url) as w:
            for failures in range(1, 4):
                await w.failed(failures)
                w.hours.pass_s(60)
            assert w.connection.state.failed_in == phase
            assert words in w.connection.last_error

    run(test)
    assert caplog.text.count("no connection to") == 1, "the same failure is said once"


def test_an_end_that_is_wanted_alarms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            w.connection.reconnect("a new AuthorizationKey")
            await until(lambda: w.connection.attempts == 2)
            await w.connected()

    with caplog.at_level("INFO"):
        run(test)
    assert "is ended: a new AuthorizationKey" in caplog.text
    assert "no connection" not in caplog.text


def test_an_identity_that_some_back_offices_get_wrong_is_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        async with wire() as w:
            w.source.now = replace(w.source.now, identity="C" * 26)
            for _ in range(3):
                await w.connected()
                w.connection.reconnect("test")
                await until(lambda: w.engine.lost == len(w.engine.connected_as))

    run(test)
    assert caplog.text.count("the identity has 26 characters") == 1


def test_an_interface_that_is_not_there_is_named() -> None:
    async def test() -> None:
        async with wire(wanted=False) as w:
            for interface in ("wwan77", "192.0.2.77"):
                w.source.now = replace(w.source.now, interface=interface)
                failures = len(w.source.errors) + 1
                w.connection.connect()
                await w.failed(failures)
                assert f"can not go through {interface}" in w.connection.last_error
            w.source.now = replace(w.source.now, interface="127.0.0.1")
            w.connection.connect()
            await w.connected()

    run(test)


def test_a_fault_of_the_engine_costs_a_connection_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        async with wire() as w:
            w.engine.on_heard = lambda text: int(text)
            await w.connected()
            await w.office.peers[0].send("frame")
            await until(lambda: w.connection.faults == 1 and w.hours.waits_s == [2])
            assert w.engine.lost == 1
            w.hours.pass_s(2)
            await until(lambda: w.source.successes == 2)

    run(test)
    assert "met a fault of the link" in caplog.text


def test_a_frame_that_is_too_long_or_binary_harms_nothing_else() -> None:
    async def test() -> None:
        async with wire() as w:
            await w.connected()
            await w.office.peers[0].send(b"\x00\x01")
            await w.office.peers[0].send("text")
            await until(lambda: w.engine.heard == ["text"])
            with contextlib.suppress(Exception):
                await w.office.peers[0].send("x" * 300_000)
            await until(lambda: w.engine.lost == 1)

    run(test)


async def _shake_hands(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, subprotocol: str
) -> None:
    """Agree to `subprotocol`, whatever was offered."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(x for x in request.split("\r\n") if x.startswith("Sec-WebSocket-Key"))
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key.partition(': ')[2])}\r\n"
        f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode()
    )


def test_25_an_idle_connection_is_pinged_before_a_back_office_gives_it_up() -> None:
    """Pitfall 25: back offices read with a deadline of 60 s, which a heartbeat each 60 s misses."""

    async def test() -> None:
        async with wire() as w:
            w.engine.ping_interval_s = Settings().ping_interval_s
            await until(lambda: w.connection.is_connected and w.hours.waits_s)
            assert w.hours.waits_s[0] + PONG_TIMEOUT_S < 60

    run(test)
