"""Random and torn bytes into both ends of the link: nothing is raised, everything is counted."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from evse.model import BoardIdentity, BoardStatus, Capability, CommandVerb
from firmware_bridge.board_session import BoardSession
from firmware_bridge.codec import BY_TYPE, PROTOCOL_VERSION, SCHEMA_HASH, pack
from firmware_bridge.events import CommandReceived, HostEvent, LinkUp, PermitReceived
from firmware_bridge.frames import MAX_PAYLOAD_BYTES, encode
from firmware_bridge.host_session import HostSession
from firmware_bridge.messages import HelloRequest

IDENTITY = BoardIdentity("fuzzed", "1.0", 1, Capability(0), 0, 2)
SESSION = 1

payloads = st.one_of(
    st.binary(min_size=1, max_size=MAX_PAYLOAD_BYTES),
    # Well-formed in type and length, so that the fields are reached.
    st.sampled_from(sorted(BY_TYPE)).flatmap(
        lambda type_id: st.binary(
            min_size=BY_TYPE[type_id].size - 1, max_size=BY_TYPE[type_id].size - 1
        ).map(lambda body: bytes([type_id]) + body)
    ),
)
streams = st.lists(st.one_of(st.binary(max_size=300), payloads.map(encode)), max_size=20)


def live_pair() -> tuple[HostSession, BoardSession]:
    host = HostSession(evses=2, next_nonce=itertools.count(SESSION).__next__)
    board = BoardSession(IDENTITY)
    host.connected(0)
    for evse in (1, 2):
        board.send_status(evse, BoardStatus(), 0)
    board.receive(host.data_to_send(), 0)
    host.receive(board.data_to_send(), 0)
    assert host.up
    return host, board


@settings(max_examples=300, deadline=None)
@given(streams)
def test_the_host_survives_any_bytes_and_finds_its_board_again(pieces: list[bytes]) -> None:
    host, board = live_pair()
    for now_ms, piece in enumerate(pieces):
        host.receive(piece, now_ms)
        host.poll(now_ms)
        host.command(1, CommandVerb.ACKNOWLEDGE, now_ms=now_ms)
        assert len(host.data_to_send()) < 1000
    events: list[HostEvent] = host.disconnected("unplugged", 1000) + host.connected(1000)
    board.receive(host.data_to_send(), 1000)
    events += host.receive(board.data_to_send(), 1001)
    assert LinkUp(IDENTITY) in events


@settings(max_examples=300, deadline=None)
@given(streams)
def test_the_board_survives_any_bytes_and_answers_the_next_hello(pieces: list[bytes]) -> None:
    _, board = live_pair()
    for now_ms, piece in enumerate(pieces):
        board.receive(piece, now_ms)
        board.poll(now_ms)
        assert len(board.data_to_send()) < 1000
    request = HelloRequest(PROTOCOL_VERSION, SCHEMA_HASH, 0xFFFF_FFFF)
    assert board.receive(encode(pack(request)), 1000) or board.session == 0xFFFF_FFFF
    assert board.data_to_send()


def test_a_million_random_bytes_yield_no_event_and_are_all_counted() -> None:
    host, board = live_pair()
    rng = random.Random(20261121)
    for now_ms in range(1000):
        data = rng.randbytes(1000)
        assert [
            event
            for event in board.receive(data, now_ms)
            if isinstance(event, PermitReceived | CommandReceived)
        ] == []
        assert host.receive(data, 0) == []
    assert board.stats.bad_frames > 3000
    assert host.stats.bad_frames > 3000
    assert board.stats.malformed == host.stats.malformed == 0
