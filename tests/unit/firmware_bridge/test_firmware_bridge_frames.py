"""A frame arrives whole and unaltered, or not at all."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.errors import FrameError
from firmware_bridge.frames import (
    MAX_PAYLOAD_BYTES,
    MAX_STUFFED_BYTES,
    Decoder,
    encode,
)

payloads = st.binary(min_size=1, max_size=MAX_PAYLOAD_BYTES)


def test_check_value_of_the_crc_stands_in_a_known_frame() -> None:
    # CRC-32/ISO-HDLC of "123456789" is 0xCBF43926, its published check value.
    assert encode(b"123456789") == b"\0\x0e123456789\x26\x39\xf4\xcb\0"


def test_zeros_in_the_payload_are_stuffed() -> None:
    frame = encode(b"\0\0\0")
    assert frame[0] == frame[-1] == 0
    assert 0 not in frame[1:-1]
    assert Decoder().feed(frame) == [b"\0\0\0"]


@pytest.mark.parametrize("size", [0, MAX_PAYLOAD_BYTES + 1])
def test_payload_outside_its_size_is_refused(size: int) -> None:
    with pytest.raises(FrameError, match="1 to 128 bytes"):
        encode(bytes(size))


@given(payloads)
def test_every_payload_round_trips_without_zero_inside(payload: bytes) -> None:
    frame = encode(payload)
    assert 0 not in frame[1:-1]
    assert len(frame) <= MAX_STUFFED_BYTES + 2
    assert Decoder().feed(frame) == [payload]


@given(st.lists(payloads, max_size=8), st.randoms(use_true_random=False))
def test_pieces_of_any_size_give_the_same_frames(sent: list[bytes], rng: random.Random) -> None:
    stream = b"".join(map(encode, sent))
    decoder = Decoder()
    received = []
    at = 0
    while at < len(stream):
        size = rng.randint(1, 40)
        received += decoder.feed(stream[at : at + size])
        at += size
    assert received == sent
    assert decoder.errors == 0


@given(st.lists(payloads, min_size=1, max_size=4))
def test_one_byte_at_a_time(sent: list[bytes]) -> None:
    decoder = Decoder()
    received = []
    for byte in b"".join(map(encode, sent)):
        received += decoder.feed(bytes([byte]))
    assert received == sent


@given(st.binary(max_size=600), payloads)
def test_rubbish_before_a_good_frame_never_costs_it(rubbish: bytes, payload: bytes) -> None:
    decoder = Decoder()
    decoder.feed(rubbish)
    assert decoder.feed(encode(payload)) == [payload]


@given(st.binary(max_size=2000))
def test_random_bytes_never_become_a_frame(rubbish: bytes) -> None:
    assert Decoder().feed(rubbish) == []


def _damage(stream: bytes, rng: random.Random) -> bytes:
    damaged = bytearray()
    for byte in stream:
        fate = rng.random()
        if fate < 0.01:
            continue
        if fate < 0.02:
            damaged.append(byte ^ (1 << rng.randrange(8)))
        elif fate < 0.03:
            damaged += bytes([byte, rng.randrange(256)])
        elif fate < 0.04:
            damaged += bytes([byte, byte])
        else:
            damaged.append(byte)
    return bytes(damaged)


@given(st.lists(payloads, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_loss_flips_inserts_and_repeats_never_give_a_wrong_frame(
    sent: list[bytes], rng: random.Random
) -> None:
    stream = _damage(b"".join(map(encode, sent)), rng)
    received = Decoder().feed(stream)
    remaining = iter(sent)
    assert all(payload in remaining for payload in received), "out of order or never sent"


@given(payloads, st.data())
def test_every_single_bit_flip_is_noticed(payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode(payload))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << (bit % 8)
    decoder = Decoder()
    received = decoder.feed(bytes(frame))
    # A flipped edge leaves the body whole; only the body itself may then come out.
    assert received in ([], [payload])
    assert decoder.feed(encode(b"next")) == [b"next"]


def test_a_torn_frame_costs_only_itself_and_is_counted() -> None:
    decoder = Decoder()
    torn = encode(b"first message")[:-5]
    assert decoder.feed(torn + encode(b"second")) == [b"second"]
    assert (decoder.frames, decoder.errors, decoder.resyncs) == (1, 1, 1)


def test_each_kind_of_rubbish_has_its_counter() -> None:
    decoder = Decoder()
    decoder.feed(b"\0\x09ab\0")
    assert decoder.cobs_errors == 1
    decoder.feed(b"\0\x03ab\0")
    assert decoder.cobs_errors == 2, "too short for a payload and its CRC"
    decoder.feed(b"\0\x07abcdef\0")
    assert decoder.crc_errors == 1
    decoder.feed(bytes([1]) * 500)
    assert decoder.oversize == 1
    decoder.feed(bytes([1]) * 500 + b"\0")
    assert decoder.oversize == 1, "one endless run counts once"
    decoder.feed(b"\0" + bytes([1]) * 200 + b"\0")
    assert decoder.oversize == 2
    assert decoder.resyncs == 0
    assert decoder.feed(encode(b"x")) == [b"x"]
    assert decoder.resyncs == 1
    assert decoder.errors == 5


def test_an_endless_stream_without_edges_keeps_no_memory() -> None:
    decoder = Decoder()
    for _ in range(1000):
        decoder.feed(b"\xff" * 100)
    assert len(decoder._pending) <= MAX_STUFFED_BYTES


def test_reset_forgets_the_unfinished_frame() -> None:
    decoder = Decoder()
    decoder.feed(encode(b"old stream")[:6])
    decoder.reset()
    assert decoder.feed(encode(b"new stream")) == [b"new stream"]
    assert decoder.errors == 0
