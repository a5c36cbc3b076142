"""Payload validation: lenient towards servers, strict about ourselves, cheap to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ocpp_link.errors import ActionUnknown, PayloadInvalid
from ocpp_link.rpc.codes import Code
from ocpp_link.rpc.schemas import Schemas

NOW = "2026-01-01T00:00:00Z"


def test_unknown_properties_of_a_server_are_let_through() -> None:
    payload = {"currentTime": NOW, "vendorThing": {"deep": 1}}
    assert Schemas().response("Heartbeat", payload) == payload


def test_null_for_an_absent_property_is_dropped() -> None:
    info = {"idTagInfo": {"status": "Accepted", "parentIdTag": None, "expiryDate": None}}
    assert Schemas().response("Authorize", info) == {"idTagInfo": {"status": "Accepted"}}


def test_limits_with_two_decimals_and_binary_fractions_pass() -> None:
    period = {"startPeriod": 0, "limit": 16.25}
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
    Schemas().request("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})


def test_a_strict_validator_refuses_unknown_properties() -> None:
    with pytest.raises(PayloadInvalid) as caught:
        Schemas(strict=True).request("Heartbeat", {"extra": 1})
    assert caught.value.code is Code.FORMAT


def test_an_error_names_the_field_and_the_rule() -> None:
    with pytest.raises(PayloadInvalid, match=r"idTagInfo\.status.*enum"):
        Schemas().response("Authorize", {"idTagInfo": {"status": "Maybe"}})


@pytest.mark.parametrize("action", ["", "..", "Reset/../Reset", "x" * 60, "ResetResponse"])
def test_an_action_is_a_name_and_never_a_path(action: str) -> None:
    with pytest.raises(ActionUnknown):
        Schemas().request(action, {})


def test_a_hostile_depth_is_survived() -> None:
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"a": deep, "b": None}
    with pytest.raises(PayloadInvalid):
        Schemas().request("Reset", deep)


def test_the_ocpp_package_and_jsonschema_are_never_imported() -> None:
    script = (
        "import sys; import ocpp_link.process; from ocpp_link.rpc.schemas import Schemas;"
        "Schemas().request('Heartbeat', {});"
        "assert not {'ocpp', 'jsonschema', 'hypothesis'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_name_of_an_answer_is_no_action_even_after_such_an_answer_was_checked() -> None:
    schemas = Schemas()
    schemas.response("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"})
    with pytest.raises(ActionUnknown):
        schemas.request("HeartbeatResponse", {"currentTime": "2026-01-01T00:00:00Z"})
