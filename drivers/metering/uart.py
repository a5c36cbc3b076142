"""What a receiver makes of bytes that were sent with other line settings than its own. Pure.

A model of a UART of the 16550 kind: it waits for a low line and takes each bit in its middle. A
stop bit that is low (a framing error, which a serial port in raw mode hands on as if the byte were
sound) is taken for the next character's start bit. Others look for another start bit; those may
hear an answer with another parity right.
"""

from __future__ import annotations

from drivers.metering.map import Line


def bits_of(data: bytes, line: Line) -> list[int]:
    """`data` as levels on the line, one for each bit time; it idles high."""
    bits: list[int] = []
    for byte in data:
        bits.append(0)
        bits.extend(byte >> place & 1 for place in range(8))
        if line.parity != "N":
            bits.append((byte.bit_count() & 1) ^ (line.parity == "O"))
        bits.extend([1] * line.stop_bits)
    return bits


def heard_as(data: bytes, sent: Line, heard: Line) -> bytes:
    """The bytes that a receiver set to `heard` makes of `data` sent with `sent`, as far as `data`
    alone decides them: a character that reaches beyond its end is left out."""
    bits, found = bits_of(data, sent), bytearray()
    ratio = sent.baud / heard.baud
    """Sent bits for each bit of the receiver."""
    length = 10 + (heard.parity != "N")  # start, data, parity, and one stop bit
    start = _next_low(bits, 0.0)
    while start is not None and start + (length - 0.5) * ratio <= len(bits):
        if _level(bits, start + 0.5 * ratio):  # too short for a start bit
            start = _next_low(bits, start + ratio)
            continue
        taken = [_level(bits, start + (place + 1.5) * ratio) for place in range(8)]
        found.append(sum(bit << place for place, bit in enumerate(taken)))
        stop = start + (length - 0.5) * ratio
        start = _next_low(bits, stop) if _level(bits, stop) else start + (length - 1) * ratio
    return bytes(found)


def _level(bits: list[int], at: float) -> int:
    return bits[int(at)] if at < len(bits) else 1


def _next_low(bits: list[int], at: float) -> float | None:
    """When the line is low next, from `at` on."""
    if _level(bits, at) == 0:
        return at
    for place in range(int(at) + 1, len(bits)):
        if bits[place] == 0:
            return float(place)
    return None
