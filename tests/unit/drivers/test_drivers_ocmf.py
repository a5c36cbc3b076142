"""Signed records: what real meters wrote is read and verified; whatever was changed is refused.

tests/data/ocmf/: published records of a KEBA KCP30 and an Iskra WM3M4C, from the test data of the
transparency software (SAFE e.V.) as the examples of `pyocmf` show them.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import OcmfMalformed, OcmfUnsupported
from drivers.metering.ocmf import OcmfRecord, parse
from drivers.metering.ocmf_judge import Weight, judge
from drivers.metering.ocmf_verify import CURVES, key_bytes, supported, verify
from drivers.metering.ocmf_words import MeterState, Reason, TimeState

DATA = Path(__file__).parents[2] / "data" / "ocmf"
KEBA = (DATA / "keba_kcp30.txt").read_bytes()
KEBA_KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D030107034200043AEEB45C392357820A58FDFB0857BD77ADA315"
    "85C61C430531DFA53B440AFBFDD95AC887C658EA55260F808F55CA948DF235C2108A0D6DC7D4AB1A5E1A7955BE"
)
ISKRA = (DATA / "iskra_wm3m4c.txt").read_bytes()
ISKRA_KEY = (
    "3059301306072A8648CE3D020106082A8648CE3D03010703420004890ADD61803B4665C9BFC3F4E40C4696DF54C8"
    "FB8E067613CC465D7EA67411C0A9517C0D1A021B0859A829B85D5F6FA567047E5CBD91CD9C01F643003FEA3646"
)
POINT = 130
"""Hexadecimal digits of a point of secp256r1, at the end of its DER."""

BEGIN = {
    "TM": "2026-01-01T10:00:00,000+0100 S",
    "TX": "B",
    "RV": 100.25,
    "RI": "1-b:1.8.0",
    "RU": "kWh",
    "EF": "",
    "ST": "G",
}
END: dict[str, Any] = {"TM": "2026-01-01T11:00:00,000+0100 S", "TX": "E", "RV": 110.5}
PAYLOAD: dict[str, Any] = {"FV": "1.0", "PG": "T7", "MS": "42", "IS": True, "IT": "LOCAL"}


def record(*readings: dict[str, Any], **payload: Any) -> OcmfRecord:
    body = {**PAYLOAD, **payload, "RD": list(readings or (BEGIN, END))}
    return parse(f'OCMF|{json.dumps(body)}|{{"SD":"3006"}}')


def sealed(key: ec.EllipticCurvePrivateKey, algorithm: str, **seal: Any) -> bytes:
    signed = json.dumps({**PAYLOAD, "RD": [BEGIN, END]}).encode()
    made = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    data = base64.b64encode(made).decode() if seal.get("SE") == "base64" else made.hex()
    return b"|".join((b"OCMF", signed, json.dumps({"SA": algorithm, "SD": data, **seal}).encode()))


def der(key: ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def said(*records: OcmfRecord) -> list[str]:
    return [remark.says for remark in judge(records).remarks if remark.weight is Weight.FAULT]


# --- reading --------------------------------------------------------------------------------------


def test_a_real_record_is_read_as_it_was_printed() -> None:
    found = parse(ISKRA)
    assert (found.payload.vendor, found.payload.model) == ("Iskra", "WM3M4C")
    assert (found.payload.context, found.payload.page) == ("T", 241)
    begin, end = found.readings
    assert begin.time == datetime(2023, 4, 14, 11, 51, 6, tzinfo=UTC)
    assert (begin.reason, end.reason) == (Reason.BEGIN, Reason.END)
    assert (begin.state, begin.time_state) == (MeterState.OK, TimeState.SYNCHRONISED)
    assert str(begin.value) == "80.77"
    assert end.value_wh == 80_970


def test_what_a_reading_leaves_out_is_as_in_the_one_before() -> None:
    end = record().readings[-1]
    assert (end.unit, end.identification, end.state) == ("kWh", "1-b:1.8.0", MeterState.OK)


def test_a_value_may_be_printed_as_a_text() -> None:
    """As in the example of the Open Charge Alliance's application note, 5.2."""
    (begin, end) = record(BEGIN | {"RV": "0.000"}, END | {"RV": "0.636"}).readings
    assert (str(begin.value), end.value_wh) == ("0.000", 636)


def test_the_decimal_places_stay_as_printed() -> None:
    text = '{"PG":"T1","RD":[{"TM":"2026-01-01T00:00:00,000+0000 S","RV":1.500,"ST":"G"}]}'
    (reading,) = parse(f'OCMF|{text}|{{"SD":"3006"}}').readings
    assert str(reading.value) == "1.500"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "does not begin with OCMF|"),
        ("OCMF|{}", "2 sections"),
        ("OCMF|{}|{}|{}", "4 sections"),
        ("OCMF|[]|{}", "payload: Expected `object`"),
        ('OCMF|{"PG":"T1","RD":[]}|{"SD":"00"}', "Expected `array` of length >= 1"),
        ('OCMF|{"PG":"7"}|{"SD":"00"}', "PG"),
        ('OCMF|{"PG":"T07"}|{"SD":"00"}', "PG"),
        ('OCMF|{"PG":"T1","PG":"T2"}|{}', "PG is there twice"),
        ('OCMF|{"PG":"T1","RD":[{"RV":NaN}]}|{}', "NaN is no number"),
        ('OCMF|{"PG":"T1","RD":[{"RV":1e999999999}]}|{}', "is no meter's number"),
        ('OCMF|{"PG":"T1","RD":[{"RV":1e99999999999999999999}]}|{}', "is no meter's number"),
        (
            'OCMF|{"PG":"T1","RD":[{"RV":"1e999999999","ST":"G"}]}|{"SD":"00"}',
            "RV '1e999999999' is no meter's number",
        ),
        (
            'OCMF|{"PG":"T1","RD":[{"RV":"NaN","ST":"G"}]}|{"SD":"00"}',
            "RV 'NaN' is no meter's number",
        ),
        ('OCMF|{"PG":"T1","RD":[{"RV":"2_0"}]}|{}', "RV '2_0' is no meter's number"),
        ('OCMF|{"PG":"T1","RD":[{"RV":"\u0663"}]}|{}', "is no meter's number"),
        ("OCMF|" + "[" * 30_000 + "|{}", "payload: "),
        ('OCMF|{"PG":"T1","RD":[{"TM":"yesterday","ST":"G"}]}|{"SD":"00"}', "TM of reading 1"),
        (
            'OCMF|{"PG":"T1","RD":[{"TM":"2026-02-30T00:00:00,000+0000 S","ST":"G"}]}|{"SD":"00"}',
            "TM of reading 1",
        ),
        (
            'OCMF|{"PG":"T1","RD":[{"TM":"2026-02-03T00:00:00,000+0000 S"}]}|{"SD":"00"}',
            "reading 1 has no state of the meter",
        ),
        ('OCMF|{"PG":"T1","RD":[{"TX":"Q"}]}|{"SD":"00"}', "Invalid enum value 'Q'"),
        (b"OCMF|\xff|{}", "payload: "),
        (b"OCMF|" + b"x" * 70_000, "70005 bytes are more"),
    ],
)
def test_what_is_no_record_is_refused_in_words(text: str | bytes, sentence: str) -> None:
    with pytest.raises(OcmfMalformed) as caught:
        parse(text)
    assert sentence in str(caught.value)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
LETTERS = st.sampled_from(
    ["FV", "PG", "MS", "IS", "IF", "IT", "ID", "RD", "TM", "TX", "RV", "RI", "RU", "EF", "ST"]
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=8),
    max_leaves=20,
)


@given(ANY_JSON, ANY_JSON)
def test_any_json_is_read_or_refused_and_what_is_read_can_be_judged(one: Any, two: Any) -> None:
    body = {**PAYLOAD, "RD": [BEGIN, END], **(one if isinstance(one, dict) else {"RD": [one]})}
    with suppress(OcmfMalformed):
        judge([parse(f"OCMF|{json.dumps(body)}|{json.dumps({'SD': '3006'})}")])
    with suppress(OcmfMalformed):
        parse(f"OCMF|{json.dumps(PAYLOAD)}|{json.dumps(two)}")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_text_is_read_or_refused(text: bytes | str) -> None:
    for data in (text, KEBA[:200] + (text if isinstance(text, bytes) else text.encode())):
        with suppress(OcmfMalformed):
            parse(data)


# --- the signature --------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "key"), [(KEBA, KEBA_KEY), (ISKRA, ISKRA_KEY)])
def test_a_real_record_fits_its_meters_key(text: bytes, key: str) -> None:
    assert verify(parse(text), key).valid
    assert judge([parse(text)]).holds


def test_a_real_record_fits_no_other_meters_key() -> None:
    verdict = verify(parse(KEBA), ISKRA_KEY)
    assert not verdict.valid
    assert verdict.why == "the text was changed, or another key signed it"


@given(st.integers(min_value=0))
def test_one_bit_turned_in_the_signed_text_is_never_taken(bit: int) -> None:
    start, end = KEBA.index(b"|") + 1, KEBA.rindex(b"|")
    at = start + bit // 8 % (end - start)
    turned = KEBA[:at] + bytes([KEBA[at] ^ 1 << bit % 8]) + KEBA[at + 1 :]
    with suppress(OcmfMalformed):
        assert not verify(parse(turned), KEBA_KEY).valid


@given(st.integers(min_value=0, max_value=71 * 8 - 1))
def test_one_bit_turned_in_the_signature_is_never_taken(bit: int) -> None:
    found = parse(KEBA)
    number = int(found.signature.data, 16) ^ 1 << bit
    turned = KEBA.replace(found.signature.data.encode(), b"%0142X" % number)
    assert not verify(parse(turned), KEBA_KEY).valid


def test_white_space_that_was_added_for_display_is_a_change() -> None:
    assert not verify(parse(KEBA.replace(b'"PG":', b'"PG": ')), KEBA_KEY).valid


@pytest.mark.parametrize("algorithm", supported())
def test_table_22_each_algorithm_verifies_with_der_and_with_the_bare_point(algorithm: str) -> None:
    curve: ec.EllipticCurve = getattr(ec, CURVES[algorithm])()
    key = ec.generate_private_key(curve)
    found = parse(sealed(key, algorithm))
    digits = 4 * ((curve.key_size + 7) // 8)
    for text in (der(key), der(key)[-digits - 2 :], der(key)[-digits:]):
        assert verify(found, text).valid
    assert verify(parse(sealed(key, algorithm, SE="base64")), der(key)).valid
    assert not verify(found, der(ec.generate_private_key(curve))).valid


def test_an_algorithm_that_can_not_be_checked_is_not_called_invalid() -> None:
    found = parse(KEBA[: KEBA.rindex(b"|")] + b'|{"SA":"ECDSA-secp192k1-SHA256","SD":"3006"}')
    with pytest.raises(OcmfUnsupported, match="secp192k1-SHA256 can not be checked here; ECDSA"):
        verify(found, KEBA_KEY)


def test_a_key_on_another_curve_is_named() -> None:
    other = ec.generate_private_key(ec.SECP256K1())
    assert verify(parse(KEBA), der(other)).why == "the key is on secp256k1, the signature is not"


def test_the_key_may_be_written_as_people_find_it() -> None:
    raw = bytes.fromhex(KEBA_KEY)
    oca = f"oca:base16:asn1:{KEBA_KEY}"
    spaced = ":".join(KEBA_KEY[i : i + 2] for i in range(0, len(KEBA_KEY), 2))
    for text in (
        KEBA_KEY.lower(),
        f"0x{KEBA_KEY}",
        spaced,
        f" {KEBA_KEY}\n",
        base64.b64encode(raw).decode(),
        oca,
        f"oca:base64:asn1:{base64.b64encode(raw).decode()}",
        base64.b64encode(oca.encode()).decode(),
        KEBA_KEY[-POINT:],
        KEBA_KEY[2 - POINT :],
    ):
        assert verify(parse(KEBA), text).valid, text


def _rsa() -> str:
    public = rsa.generate_private_key(65_537, 2_048).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("not a key!", "neither hexadecimal nor Base64"),
        ("30" * 30, "no point of secp256r1, nor DER"),
        ("00", "no point of secp256r1, nor DER"),
        ("04" + "11" * 64, "no point of secp256r1, nor DER"),
        (_rsa(), "not one of an elliptic curve"),
    ],
)
def test_a_key_that_is_none_is_refused_in_words(key: str, sentence: str) -> None:
    with pytest.raises(OcmfMalformed, match=sentence):
        verify(parse(KEBA), key)


@given(st.text(max_size=100))
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    with suppress(OcmfMalformed):
        key_bytes(text)


# --- what the records say together ----------------------------------------------------------------


def test_begin_and_end_of_one_record_give_the_energy() -> None:
    found = judge([record()])
    assert found.energy_wh == Decimal("10250")
    assert found.holds
    assert not found.remarks


def test_begin_and_end_may_be_in_records_of_their_own() -> None:
    end = {**BEGIN, **END}
    found = judge([record(BEGIN), record(end, PG="T8")])
    assert (found.energy_wh, found.holds) == (Decimal("10250"), True)


def test_several_registers_are_each_followed_by_themselves() -> None:
    other = {"RI": "1-0:9C.8.0", "RV": 5.0}
    readings = (BEGIN, END | {"RI": "1-b:1.8.0"}, BEGIN | other, END | other | {"RV": 15.25})
    found = judge([record(*readings)])
    assert (found.energy_wh, found.holds) == (Decimal("10250"), True)


@pytest.mark.parametrize("export", ["1-b:2.8.0", "01-00:C2.08.00*FF", "1-0:02.8.0"])
def test_table_25_what_came_from_the_car_is_not_billed_to_it(export: str) -> None:
    other = {"RI": export, "RV": 5.0}
    out = (BEGIN | other, END | other | {"RV": 95.25})
    found = judge([record(*out, BEGIN | {"RI": "1-b:1.8.0"}, END | {"RI": "1-b:1.8.0"})])
    assert (found.energy_wh, found.holds) == (Decimal("10250"), True)
    found = judge([record(*out)])
    assert (found.energy_wh, found.holds) == (None, False)


LATER = {**BEGIN, **END}
FAULTS: list[tuple[str, tuple[OcmfRecord, ...], str]] = [
    ("begin missing", (record(END | BEGIN | {"TX": "C"}, LATER),), "begins no transaction"),
    ("end missing", (record(BEGIN, LATER | {"TX": "C"}),), "ends no transaction"),
    ("only a begin", (record(BEGIN),), "ends no transaction"),
    ("two of them", (record(BEGIN, LATER, BEGIN, LATER),), "another begin or end"),
    ("ran back", (record(BEGIN, LATER | {"RV": 100.24}),), "ran back from 100.25 to 100.24 kWh"),
    ("time", (record(LATER | {"TX": "B"}, BEGIN | {"TX": "E"}),), "older than the one before"),
    ("exception", (record(BEGIN, LATER | {"TX": "X"}, LATER),), "nothing counts from here on"),
    ("energy flag", (record(BEGIN, LATER | {"EF": "E"}),), "its energy can not be used"),
    ("meter state", (record(BEGIN, LATER | {"ST": "M"}),), "in state manipulated"),
    ("no energy", (record(BEGIN | {"RU": "s"}, LATER | {"RU": "s"}),), "no register counts"),
    ("fiscal", (record(PG="F7"),), "of no transaction"),
    ("no serial", (record(MS=""),), "no serial number"),
    ("a gap", (record(BEGIN), record(LATER, PG="T9")), "T7 is followed by T9"),
    ("other meter", (record(BEGIN), record(LATER, PG="T8", MS="43")), "different meters"),
    ("other maker", (record(BEGIN), record(LATER, PG="T8", MV="x")), "different meters"),
    ("other point", (record(BEGIN), record(LATER, PG="T8", CI="x")), "different charge points"),
    ("other person", (record(BEGIN), record(LATER, PG="T8", ID="x")), "different customers"),
]


@pytest.mark.parametrize(
    ("records", "sentence"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_what_does_not_hold_together_is_named(
    records: tuple[OcmfRecord, ...], sentence: str
) -> None:
    assert not judge(records).holds
    assert any(sentence in says for says in said(*records)), said(*records)


def test_notes_leave_the_energy_standing() -> None:
    found = judge([record(BEGIN | {"EF": "t"}, END | {"TM": END["TM"][:-1] + "I"}, IS=False)])
    assert found.holds
    assert {remark.weight for remark in found.remarks} == {Weight.NOTE}
    assert len(found.remarks) == 4


def test_nothing_can_not_be_judged() -> None:
    with pytest.raises(ValueError, match="no record"):
        judge([])
