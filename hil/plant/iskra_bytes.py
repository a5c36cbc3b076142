"""What a simulated Iskra WM3M4C measures and signs, as the bytes of its registers. Pure."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from hil.plant.model import MeterTruth


def private_key(seed: int) -> ec.EllipticCurvePrivateKey:
    """The same for the same seed, as a meter keeps its own."""
    return ec.derive_private_key(0x1517A + seed, ec.SECP256R1())


def as_firmware_writes(signature: bytes) -> bytes:
    """Each number has 32 bytes, with zeros ahead where it needs fewer, as DER forbids."""
    parts = b""
    for number in decode_dss_signature(signature):
        length = 33 if number >> 255 else 32
        parts += bytes([0x02, length]) + number.to_bytes(length, "big")
    return bytes([0x30, len(parts)]) + parts


def iskra_inputs(truth: MeterTruth) -> dict[int, int]:
    """Input registers: T5 and T6 have a decimal exponent above 24 bits; the counter has its own."""
    scaled: dict[int, float] = {105: truth.frequency_hz, 140: sum(truth.power_w)}
    for phase in range(3):
        scaled[107 + 2 * phase] = truth.voltage_v[phase]
        scaled[126 + 2 * phase] = truth.current_a[phase]
        scaled[142 + 2 * phase] = truth.power_w[phase]
    words: dict[int, int] = {}
    for address, value in scaled.items():
        mantissa = round(value * 100) & 0xFFFFFF
        words[address], words[address + 1] = 0xFE00 | mantissa >> 16, mantissa & 0xFFFF
    wh = int(truth.energy_import_wh)
    return words | {414: 0, 415: 0, 418: wh >> 16, 419: wh & 0xFFFF, 420: 0, 421: 0}
