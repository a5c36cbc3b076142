"""What the back office is told of the signatures of a meter, in every version.

Source: OCA, Signed Meter Values in OCPP 1.0 (2025), numbers are its sections. A meter here signs
the begin and the end of a transaction; of samples between them nothing is signed.
"""

from __future__ import annotations

import base64
import enum

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from evse.types.powermeter import Powermeter, SignedMeterValue
from ocpp_link.device.settings import Settings
from ocpp_link.records import RecordKind, SampleContext, TxRecord

MOST_CHARS = 2_500
"""Of signedMeterData and of publicKey (OCPP 2.0.1 part 2 §2.46)."""
NEVER, ONCE, EVERY = "Never", "OncePerTransaction", "EveryMeterValue"
"""PublicKeyWithSignedMeterValue (3.3.2, 4.3.1)."""
FIELDS = ("sign_sampled", "sign_started", "sign_aligned", "public_key_with")
"""Of Settings: variables where a meter signs."""


class Seal(enum.Enum):
    """What goes with a register that was signed."""

    NONE = "nothing"
    BARE = "the signature"
    WITH_KEY = "the signature, and the key"


def seal_of(record: TxRecord, settings: Settings) -> Seal:
    """3.3.3 to 3.3.7, 4.3.3 to 4.3.7: the begin is signed on its own where that is asked for too,
    the end where anything is. The key goes once with the end, or with each."""
    starts = record.kind is RecordKind.STARTED or record.context is SampleContext.BEGIN
    if starts and settings.sign_sampled and settings.sign_started:
        return Seal.WITH_KEY if settings.public_key_with == EVERY else Seal.BARE
    if record.kind is RecordKind.FINISHED and (settings.sign_sampled or settings.sign_aligned):
        return Seal.BARE if settings.public_key_with == NEVER else Seal.WITH_KEY
    return Seal.NONE


def with_signature(meter: Powermeter, signed: SignedMeterValue | UnsetType) -> Powermeter:
    """The reading of a begin or an end, and what the meter signed of it."""
    return meter if isinstance(signed, UnsetType) else replace(meter, signed_meter_value=signed)


def signed_begin(end: TxRecord) -> TxRecord | None:
    """3.1.4, 4.1.2: the begin, where its signature goes with the end in a container of its own."""
    if end.start_signed is None:
        return None
    known = next((each for each in end.samples if each.kind is RecordKind.STARTED), None)
    if known is None:
        return None
    return replace(known, meter=with_signature(known.meter, end.start_signed))


def signed_part(value: SignedMeterValue, seal: Seal) -> dict[str, str] | None:
    """SignedMeterValueType (3.2.1, 4.2.1); None where there is nothing that may be told. The
    record names its signing method itself, and the field then is empty."""
    data = base64.b64encode(value.signed_meter_data.encode()).decode()
    if seal is Seal.NONE or len(data) > MOST_CHARS:
        return None
    key = value.public_key
    with_key = seal is Seal.WITH_KEY and key is not UNSET
    return {
        "signedMeterData": data,
        "signingMethod": value.signing_method,
        "encodingMethod": value.encoding_method,
        "publicKey": public_key_text(str(key)) if with_key else "",
    }


def public_key_text(key: str) -> str:
    """A key as back offices are told it (3.2.2); `key` is DER in hexadecimal."""
    return base64.b64encode(f"oca:base16:asn1:{key}".encode()).decode()
