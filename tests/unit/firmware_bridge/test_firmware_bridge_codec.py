"""The table is the wire: what it says is what is packed, and nothing else is taken."""

from __future__ import annotations

import copy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evse.model import (
    BoardAnalog,
    BoardIdentity,
    BoardStatus,
    Capability,
    CommandStatus,
    LockState,
    LockTarget,
    Permit,
    PilotState,
    Reason,
    SelfTest,
)
from firmware_bridge.codec import BY_TYPE, SCHEMA_HASH, pack, schema_hash, unpack
from firmware_bridge.errors import MessageError
from firmware_bridge.fields import U8, U16, U32, Field, enumeration
from firmware_bridge.frames import MAX_PAYLOAD_BYTES
from firmware_bridge.layout import Layout, Sender
from firmware_bridge.messages import (
    AnalogMessage,
    Command,
    CommandResult,
    Hello,
    HelloRequest,
    LinkStats,
    Message,
    PermitMessage,
    StatusMessage,
)
from firmware_bridge.table import TABLE

u8 = st.integers(0, 2**8 - 1)
u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
i16 = st.integers(-(2**15), 2**15 - 1)
i16_or_absent = st.none() | st.integers(-(2**15) + 1, 2**15 - 1)
i32_or_absent = st.none() | st.integers(-(2**31) + 1, 2**31 - 1)
ascii24 = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=24)
capabilities = st.integers(0, sum(Capability)).map(Capability)

messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(HelloRequest, u8, u32, u32),
    st.builds(
        Hello,
        u8,
        u32,
        u32,
        u32,
        st.builds(BoardIdentity, ascii24, ascii24, u32, capabilities, u32, u8),
    ),
    st.builds(
        PermitMessage,
        u8,
        u32,
        u32,
        u16,
        st.builds(Permit, u32, st.booleans(), st.integers(0, 10_000), st.sampled_from(LockTarget)),
    ),
    st.builds(Command, u32, u16, u8, u8, u32),
    st.builds(CommandResult, u32, u16, st.sampled_from(CommandStatus)),
    st.builds(
        StatusMessage,
        u8,
        u32,
        u16,
        u32,
        st.builds(
            BoardStatus,
            pilot=st.sampled_from(PilotState),
            duty_bp=st.integers(0, 10_000),
            coil=st.booleans(),
            mirror_closed=st.booleans(),
            lock=st.sampled_from(LockState),
            cable_a=u8,
            rcd_tripped=st.booleans(),
            self_test=st.sampled_from(SelfTest),
            reason=st.sampled_from(Reason),
            lease_live=st.booleans(),
            forced_unlock=st.booleans(),
            vetoed_unlock=st.booleans(),
        ),
    ),
    st.builds(
        AnalogMessage,
        u8,
        u32,
        u16,
        st.builds(
            BoardAnalog,
            hi_mv=i16,
            lo_mv=i16,
            temperature_dc=i16_or_absent,
            supply_12v_mv=i16,
            supply_minus_12v_mv=i16,
            current_ma=i32_or_absent,
            residual_ua=i32_or_absent,
        ),
    ),
    st.builds(LinkStats, u32, u32, u32, u32, u32, u32, u32, i16_or_absent),
)


@given(messages)
def test_every_message_round_trips_with_its_types(message: Message) -> None:
    unpacked = unpack(pack(message))
    assert unpacked == message
    assert msgspec.json.encode(unpacked) == msgspec.json.encode(message)


@given(st.binary(min_size=1, max_size=MAX_PAYLOAD_BYTES))
def test_random_payload_is_a_message_of_the_table_or_a_message_error(payload: bytes) -> None:
    try:
        message = unpack(payload)
    except MessageError:
        return
    # Only what a hello may have grown by is not packed again.
    assert payload.startswith(pack(message)) or isinstance(message, Hello)


def test_types_come_back_as_their_enumerations() -> None:
    status = BoardStatus(pilot=PilotState.C, reason=Reason.RCD, lock=LockState.LOCKED)
    unpacked = unpack(pack(StatusMessage(1, 2, 3, 4, status)))
    assert isinstance(unpacked, StatusMessage)
    assert isinstance(unpacked.status.pilot, PilotState)
    assert isinstance(unpacked.status.reason, Reason)
    assert unpacked.status.coil is False


def test_every_payload_fits_a_frame_and_every_type_is_its_own() -> None:
    assert all(layout.size <= MAX_PAYLOAD_BYTES for layout in TABLE)
    assert len(BY_TYPE) == len(TABLE)
    assert len({layout.shape for layout in TABLE}) == len(TABLE)


def test_measurements_saturate_and_absent_stays_absent() -> None:
    far = BoardAnalog(hi_mv=99_999, lo_mv=-99_999, temperature_dc=-40_000, current_ma=2**40)
    unpacked = unpack(pack(AnalogMessage(1, 2, 3, far)))
    assert isinstance(unpacked, AnalogMessage)
    assert unpacked.analog.hi_mv == 32_767
    assert unpacked.analog.lo_mv == -32_768
    assert unpacked.analog.temperature_dc == -32_767, "the lowest value means absent"
    assert unpacked.analog.current_ma == 2**31 - 1
    assert unpacked.analog.residual_ua is None


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            PermitMessage(1, 2, 3, 4, Permit(1, True, 10_001)),
            "PERMIT.duty_bp is u16 0..10000, not 10001",
        ),
        (PermitMessage(256, 2, 3, 4, Permit(1, True, 0)), "PERMIT.evse is u8, not 256"),
        (Command(1, -1, 1, 1, 0), "COMMAND.id is u16, not -1"),
        (
            Hello(1, 2, 3, 4, BoardIdentity("x" * 25, "1", 1, Capability(0), 0, 1)),
            r"HELLO.board is char\[24\], not 'x{25}'",
        ),
        (
            Hello(1, 2, 3, 4, BoardIdentity("ok", "\x1b[2J", 1, Capability(0), 0, 1)),
            r"HELLO.firmware is char\[24\]",
        ),
    ],
)
def test_a_value_that_its_field_cannot_hold_is_named(message: Message, sentence: str) -> None:
    with pytest.raises(MessageError, match=sentence):
        pack(message)


def test_what_no_sender_may_send_is_refused_by_the_receiver() -> None:
    permit = bytearray(pack(PermitMessage(1, 2, 3, 4, Permit(1, True, 10_000))))
    permit[-3] = 9
    with pytest.raises(MessageError, match=r"PERMIT\.lock is enum8 LockTarget, not 9"):
        unpack(bytes(permit))
    permit[-3] = 0
    permit[-6] = 2
    with pytest.raises(MessageError, match=r"PERMIT\.close is bool, not 2"):
        unpack(bytes(permit))


def test_control_characters_of_a_board_reach_nobody() -> None:
    hello = pack(Hello(1, 2, 3, 4, BoardIdentity("abc", "1", 1, Capability(0), 0, 1)))
    for evil in (b"\x1bbc", b"\xffbc", b"a\0c"):
        with pytest.raises(MessageError, match=r"HELLO\.board"):
            unpack(hello.replace(b"abc", evil, 1))


def test_length_and_type_are_checked() -> None:
    permit = pack(PermitMessage(1, 2, 3, 4, Permit(1, True, 0)))
    for wrong in (permit[:-1], permit + b"\0"):
        with pytest.raises(MessageError, match="PERMIT has 22 bytes"):
            unpack(wrong)
    with pytest.raises(MessageError, match="0xee is no message type"):
        unpack(b"\xee")


def test_a_hello_may_grow() -> None:
    request = HelloRequest(1, 2, 3)
    assert unpack(pack(request) + b"more of a later version") == request


def _changed(type_id: int, *fields: Field) -> tuple[Layout, ...]:
    altered = copy.copy(BY_TYPE[type_id])
    altered.fields = fields
    return tuple(altered if layout.type_id == type_id else layout for layout in TABLE)


def test_schema_hash_changes_with_every_change_that_the_other_end_would_feel() -> None:
    result = BY_TYPE[0x21].fields
    seen = {
        SCHEMA_HASH,
        schema_hash(TABLE[:-1]),
        schema_hash(_changed(0x21, *result[:-1])),
        schema_hash(_changed(0x21, result[1], result[0], result[2])),
        schema_hash(_changed(0x21, result[0], Field("number", U16, ""), result[2])),
        schema_hash(_changed(0x21, result[0], Field("id", U32, ""), result[2])),
        schema_hash(_changed(0x21, *result[:2], Field("status", enumeration(SelfTest), ""))),
        schema_hash(_changed(0x21, *result[:2], Field("status", U8, ""))),
    }
    assert len(seen) == 8


def test_schema_hash_ignores_words_for_people() -> None:
    result = BY_TYPE[0x21].fields
    reworded = tuple(Field(field.path, field.kind, "other words") for field in result)
    assert schema_hash(_changed(0x21, *reworded)) == SCHEMA_HASH


def test_a_row_that_does_not_match_its_type_fails_the_import() -> None:
    with pytest.raises(TypeError, match=r"rows of BAD .* differ in .*verb"):
        Layout(0x70, "BAD", Sender.HOST, "", Command, BY_TYPE[0x20].fields[:3])
    rows = BY_TYPE[0x21].fields
    with pytest.raises(TypeError, match="their order"):
        Layout(0x70, "BAD", Sender.BOARD, "", CommandResult, (rows[1], rows[0], rows[2]))
