"""The message table: the only description of the bytes between host and board.

The codec, the schema hash of the hello and docs/protocol.md are made from it; a row that does
not match the types of evse/model.py fails the import.
"""

from __future__ import annotations

from evse.board_faults import BoardFault, Wiring
from evse.model import (
    X1_BP,
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
from evse.panel import Indicator
from firmware_bridge.fields import (
    BOOL,
    U8,
    U16,
    U32,
    Field,
    enumeration,
    flags,
    measured,
    measured_or_absent,
    text,
    up_to,
)
from firmware_bridge.layout import Layout, Sender
from firmware_bridge.messages import (
    AnalogMessage,
    Command,
    CommandResult,
    Hello,
    HelloRequest,
    LinkStats,
    PermitMessage,
    StatusMessage,
)

_PROTO = Field("proto", U8, "protocol version")
_SCHEMA = Field("schema_hash", U32, "CRC-32 of the message table of this build")
_EVSE = Field("evse", U8, "number of the EVSE, from 1")
_SESSION = Field("session", U32, "as in the hello; 0 = none")
_SEQ = Field("seq", U16, "counts up by one per EVSE and message type; a gap is a loss")

TABLE = (
    Layout(
        0x01,
        "HELLO_REQUEST",
        Sender.HOST,
        "Opens a session. Repeated with the same number until HELLO answers.",
        HelloRequest,
        (_PROTO, _SCHEMA, Field("session", U32, "random, chosen by the host, not 0")),
        may_grow=True,
    ),
    Layout(
        0x02,
        "HELLO",
        Sender.BOARD,
        "Answers HELLO_REQUEST.",
        Hello,
        (
            _PROTO,
            _SCHEMA,
            Field("session", U32, "as asked for, also when the board refuses it"),
            Field("t_ms", U32, "the board's clock, ms modulo 2**32"),
            Field("identity.board", text(24), "kind of board"),
            Field("identity.firmware", text(24), "version of its firmware"),
            Field("identity.boot_id", U32, "random at each start of the board"),
            Field("identity.capabilities", flags(Capability), "what the board can do"),
            Field("identity.config_crc", U32, "CRC-32 of the configuration that it runs"),
            Field("identity.evses", U8, "EVSEs on this board"),
        ),
        nested=BoardIdentity,
        may_grow=True,
    ),
    Layout(
        0x10,
        "PERMIT",
        Sender.HOST,
        "The lease of one EVSE, about every 100 ms. Never repeated; the newest wins.",
        PermitMessage,
        (
            _EVSE,
            _SESSION,
            Field("heard_ms", U32, "t_ms of the last HELLO or STATUS that the host received"),
            Field("held_ms", U16, "how long ago that was, by the host's clock"),
            Field("permit.seq", U32, "counts up within EVSE and session, modulo 2**32"),
            Field("permit.close", BOOL, "the contactor may close, if the guard agrees"),
            Field("permit.duty_bp", up_to(X1_BP), "pilot output wanted: 0 = F, 10000 = X1"),
            Field("permit.lock", enumeration(LockTarget), "connector lock wanted"),
            Field("permit.phases", measured("u8"), "phase contact wanted: 1 = L1 alone, 3 = all"),
            Field("permit.indicator", enumeration(Indicator), "what the status light shows"),
        ),
        nested=Permit,
    ),
    Layout(
        0x20,
        "COMMAND",
        Sender.HOST,
        "Stop and wait: repeated until COMMAND_RESULT answers; the board acts once.",
        Command,
        (
            _SESSION,
            Field("id", U16, "counts up within the host's life, modulo 2**16"),
            _EVSE,
            Field("verb", U8, "CommandVerb; an unknown one is answered UNKNOWN"),
            Field("arg", U32, "argument of the verb, 0 where it has none"),
        ),
    ),
    Layout(
        0x21,
        "COMMAND_RESULT",
        Sender.BOARD,
        "Answers COMMAND, and each repetition of it, with the same status.",
        CommandResult,
        (
            _SESSION,
            Field("id", U16, "as in COMMAND"),
            Field("status", enumeration(CommandStatus), "what became of it"),
        ),
    ),
    Layout(
        0x30,
        "STATUS",
        Sender.BOARD,
        "Discrete state of one EVSE: on each change, and as a heartbeat.",
        StatusMessage,
        (
            _EVSE,
            _SESSION,
            _SEQ,
            Field("t_ms", U32, "when this state was seen, board clock, ms modulo 2**32"),
            Field("status.pilot", enumeration(PilotState), "what the car says, debounced"),
            Field("status.duty_bp", measured("u16"), "what the pilot output does, 0.01 %"),
            Field("status.coil", BOOL, "contactor coil driven"),
            Field("status.mirror_closed", BOOL, "mirror contact reads closed"),
            Field("status.lock", enumeration(LockState), "feedback of the connector lock"),
            Field("status.cable_a", measured("u8"), "rating of the plugged cable, A; 0 = none"),
            Field("status.rcd_tripped", BOOL, "residual-current device reads tripped"),
            Field("status.self_test", enumeration(SelfTest), "its test in this plug-in session"),
            Field("status.reason", enumeration(Reason), "first reason for not being closed"),
            Field("status.lease_live", BOOL, "a valid permit is in force"),
            Field("status.forced_unlock", BOOL, "closing forbidden until unplugged"),
            Field("status.vetoed_unlock", BOOL, "an unlock is wanted and refused"),
            Field("status.phases", measured("u8"), "phases connected: 1, 3, or 0 while moving"),
            Field("status.faults", flags(BoardFault), "what the board reports by itself"),
            Field("status.plugs", U16, "plug-ins since the board started, modulo 2**16"),
            Field("status.wiring", flags(Wiring), "what the board finds wrong with its own wires"),
            Field("status.presses", U16, "presses of the stop button, modulo 2**16"),
        ),
        nested=BoardStatus,
    ),
    Layout(
        0x31,
        "ANALOG",
        Sender.BOARD,
        "Measurements of one EVSE, about once a second.",
        AnalogMessage,
        (
            _EVSE,
            _SESSION,
            _SEQ,
            Field("analog.hi_mv", measured("i16"), "pilot, plateau of the positive half, mV"),
            Field("analog.lo_mv", measured("i16"), "pilot, plateau of the negative half, mV"),
            Field("analog.temperature_dc", measured_or_absent("i16"), "0.1 °C"),
            Field("analog.supply_12v_mv", measured("i16"), "pilot supply, mV"),
            Field("analog.supply_minus_12v_mv", measured("i16"), "pilot supply, mV"),
            Field("analog.current_ma", measured_or_absent("i32"), "largest phase current, mA"),
            Field("analog.residual_ua", measured_or_absent("i32"), "residual DC current, µA"),
        ),
        nested=BoardAnalog,
    ),
    Layout(
        0x3F,
        "LINK_STATS",
        Sender.BOARD,
        "The board's end of the link, about once a second within a session.",
        LinkStats,
        (
            _SESSION,
            Field("frames", U32, "good frames received"),
            Field("bad_frames", U32, "frames dropped by length, stuffing or CRC"),
            Field("malformed", U32, "good frames that are no message for a board"),
            Field("permits", U32, "permits accepted"),
            Field("permits_refused", U32, "permits of another session, or older than the last"),
            Field("permits_late", U32, "permits whose heard_ms is too old"),
            Field("rtt_ms", measured_or_absent("i16"), "last round trip, from a permit, ms"),
            Field("turns", U32, "turns of the board's loop"),
            Field("late_turns", U32, "turns that began a whole period late"),
            Field("worst_us", U32, "latest beginning of a turn, µs after its time"),
            Field("overslept", U32, "times that the board began anew for being late"),
        ),
    ),
)
