"""docs/protocol.md, made from the message table, the times and the real bytes of an example."""

from __future__ import annotations

from evse.model import CommandVerb, LockTarget, Permit
from firmware_bridge.codec import PROTOCOL_VERSION, SCHEMA_HASH, pack
from firmware_bridge.dump import describe
from firmware_bridge.fields import Kind
from firmware_bridge.frames import MAX_PAYLOAD_BYTES, encode
from firmware_bridge.layout import Layout
from firmware_bridge.messages import PermitMessage
from firmware_bridge.table import TABLE
from firmware_bridge.timing import LinkTiming

_EXAMPLE = PermitMessage(1, 0xCAFE0001, 60_000, 12, Permit(7, True, 2666, LockTarget.LOCK))

_HEAD = """# The wire between host and board

Generated from `firmware_bridge/table.py`; `make docs` writes it anew. This page is all that a
firmware needs. The host is `evse-core`; the board is ring 1: the native guard process, a
microcontroller, or a simulated board. All three speak the same bytes.

Protocol version **{version}**, message table **{schema:08x}**.

## Frames

Any byte stream of eight bits: UART (115200 8N1, no flow control), pseudo-terminal, Unix socket.

    00  COBS( payload  crc32 )  00

- `payload`: 1 to {payload} bytes; the first is the message type. Whole numbers are little-endian,
  fields follow one another without padding.
- `crc32`: CRC-32/ISO-HDLC of the payload (reflected polynomial 0xEDB88320, start and final
  exclusive-or 0xFFFFFFFF; `123456789` gives 0xCBF43926), little-endian.
- COBS: each run of bytes up to the next zero, or to the end, is preceded by its length plus one;
  the zero itself is not sent. No body is long enough for a 0xFF block.
- A zero on both sides: whatever came before, a good frame is always found. Empty frames mean
  nothing. Everything that does not fit is dropped and counted, never answered.

Example: `{described}`

    {example}

## Rules

1. **Hello.** The host picks a random session number, not 0, and sends HELLO_REQUEST every
   {hello_retry_ms} ms until HELLO repeats that number. The board opens the session only if
   protocol version and table hash are its own; it answers in any case. The host goes on only if
   they match, the board has all EVSEs of the station, and `config_crc` is the one expected. The
   two hello messages keep their layout for ever; a later version may only append.
2. **Session.** Every other message carries the session number; a board that has just started
   sends 0. The host takes another number in a STATUS as a restart and begins again at 1.
   PERMIT and COMMAND of another session are dropped. A new session clears the sequence numbers
   and the command in hand, and every EVSE's STATUS is sent at once, after HELLO.
3. **Permit.** The lease of ring 1, renewed about every 100 ms by a live loop; never repeated,
   the newest wins, an unsent one is replaced. The board believes it only if it is of this
   session, its `seq` is ahead of the last believed one by less than 2**31, and
   `now - heard_ms` (modulo 2**32) is at most {permit_age_ms} ms: a host that does not hear the
   board, or a buffer that drains late, feeds no lease. Anything else is as if nothing had come.
4. **Command.** One at a time. The host repeats it after {command_timeout_ms} ms, {command_tries}
   tries in all, then gives it up as lost. The board acts on an `id` once: the same `id` again is
   answered with the kept status (or not yet, while it is acting); an `id` that is not ahead of
   the last one is dropped. An unknown verb or EVSE is answered UNKNOWN.
5. **Telemetry.** STATUS leaves at once when anything but the time changed, and at least every
   200 ms (this software: {heartbeat_ms} ms). What cannot leave is overtaken by newer telemetry,
   never queued; `seq` counts those too, so that the host sees the gap. Nothing is repeated.
6. **Liveness.** No STATUS of an EVSE for {silence_ms} ms: the link is down for the host, which
   begins again at 1. The board needs no rule of its own: its lease runs out.

## Messages
"""

_TYPES = """
## Field types

| type | bytes | meaning |
|---|---|---|
| u8, u16, u32, i16, i32 | 1, 2, 4, 2, 4 | whole number, little-endian |
| u16 0..N | 2 | a larger value makes the message invalid |
| bool | 1 | 0 or 1; anything else makes the message invalid |
| enum8 | 1 | a value that is not listed makes the message invalid |
| flags32 | 4 | unknown bits are ignored |
| saturating | | the sender limits the value to the range of the type |
| N = absent | | not measured; the sender never sends N for a measured value |
| char[N] | N | printable ASCII, padded with zeros |

An invalid message is dropped whole, and counted.

## Values
"""


def protocol_markdown() -> str:
    """The whole page, ending in one newline."""
    timing = LinkTiming()
    head = _HEAD.format(
        version=PROTOCOL_VERSION,
        schema=SCHEMA_HASH,
        payload=MAX_PAYLOAD_BYTES,
        described=describe(_EXAMPLE),
        example=encode(pack(_EXAMPLE)).hex(" "),
        hello_retry_ms=timing.hello_retry_ms,
        permit_age_ms=timing.permit_age_ms,
        command_timeout_ms=timing.command_timeout_ms,
        command_tries=timing.command_tries,
        heartbeat_ms=timing.heartbeat_ms,
        silence_ms=timing.silence_ms,
    )
    messages = "\n".join(_message(layout) for layout in TABLE)
    return f"{head}\n{messages}{_TYPES}\n{_values()}"


def _message(layout: Layout) -> str:
    lines = [
        f"### 0x{layout.type_id:02x} {layout.name}",
        "",
        f"Sent by the {layout.sender.value}, {layout.size} bytes. {layout.meaning}",
        "",
        "| at | field | type | meaning |",
        "|---|---|---|---|",
    ]
    at = 1
    for field in layout.fields:
        lines.append(f"| {at} | `{field.name}` | {field.kind.name} | {field.meaning} |")
        at += field.kind.size
    return "\n".join(lines) + "\n"


def _values() -> str:
    sections = [_members(kind) for kind in _kinds_with_members()]
    verbs = tuple((verb.name, verb.value) for verb in CommandVerb)
    return "\n".join([*sections, _table_of("CommandVerb", verbs)])


def _kinds_with_members() -> list[Kind]:
    kinds = {field.kind.name: field.kind for layout in TABLE for field in layout.fields}
    return [kind for kind in kinds.values() if kind.members]


def _members(kind: Kind) -> str:
    return _table_of(kind.name.partition(" ")[2], kind.members)


def _table_of(name: str, members: tuple[tuple[str, int], ...]) -> str:
    values = ", ".join(f"{value} = {member}" for member, value in members)
    return f"- **{name}**: {values}\n"
