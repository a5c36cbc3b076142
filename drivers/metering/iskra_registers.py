"""Registers, commands and codes of an Iskra WM3M4C that signs.

Source: the Iskra user's manual WM3M4 & WM3M4C (1.07, 1.14), chapter 6.5, as its pages 43 and 44 and
EVerest's RsIskraMeter tell them; the manual's 4xxxx is holding register xxxx here. What happens on
a loss of power is 6.6, as told in EVerest's pull requests 623 and 1285.
"""

from __future__ import annotations

import enum

ALGORITHM = "ECDSA-secp256r1-SHA256"
DER_PREFIX = "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
"""SubjectPublicKeyInfo of a point on secp256r1, up to its 64 bytes (manual 6.5.14)."""
KEY_REGISTERS = 32
MOST_REGISTERS = 120
"""In one access (6.5.7, 6.5.10)."""
LONGEST_INPUT = 1_024
"""Bytes of the billing dataset (6.5.7)."""
LONGEST_OUTPUT = 1_024
"""Bytes from its register up to the public key's."""
LONGEST_SIGNATURE = 144
"""Bytes; one on secp256r1 has at most 72, and this is twice that (own)."""
STEP_MS = 100
STATE_STEPS = 20
"""A command is taken within 2 s; EVerest waits 1 s."""
SIGNING_STEPS = 50
"""Signing takes up to 1 s (6.5.9); 5 s are waited."""
CLOCK_SYNCHRONISED = 2
SIGNATURE_AS_DER = 0


class Register(enum.IntEnum):
    STATE = 7000
    COMMAND = 7051
    """In the high byte."""
    STATUS = 7052
    TIME_ZONE = 7053
    """Minutes from UTC."""
    TIME_HIGH = 7054
    TIME_LOW = 7055
    """Unix time."""
    INPUT_BYTES = 7056
    OUTPUT_BYTES = 7057
    SIGNATURE_BYTES = 7058
    SIGNATURE_FORMAT = 7059
    CLOCK_STATE = 7071
    INPUT = 7100
    OUTPUT = 7612
    PUBLIC_KEY = 8124
    SIGNATURE = 8188


class State(enum.IntEnum):
    """Of the measurement, in 7000."""

    IDLE = 0
    ACTIVE = 1
    AFTER_POWER_FAILURE = 2
    AFTER_RESET = 3


class Command(enum.IntEnum):
    BEGIN = ord("B") << 8
    END = ord("r") << 8
    """With begin and end in one record."""


SIGNED = 15
SIGNING = 2
"""In progress."""
PENDING = frozenset({0, 1, SIGNING})
"""Not initialised, idle, in progress."""
REFUSALS = {
    128: "invalid date or time",
    129: "checksum error",
    130: "invalid command",
    131: "invalid state",
    132: "invalid measurement",
    133: "test mode",
    243: "verification state",
    244: "signature state",
    245: "key pair generation failed",
    246: "hash failed",
    247: "initialisation failed",
    248: "data not locked",
    249: "configuration not locked",
    250: "verification failed",
    251: "public key",
    252: "invalid message format",
    253: "invalid message size",
    254: "signature failed",
    255: "undefined error",
}
