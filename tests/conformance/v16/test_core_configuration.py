"""Configuration keys."""

from __future__ import annotations

from conformance_v16 import Bench16, refused

READ_WRITE = {
    "Core": [
        "ClockAlignedDataInterval",
        "ConnectionTimeOut",
        "ConnectorPhaseRotation",
        "HeartbeatInterval",
        "LocalAuthorizeOffline",
        "LocalPreAuthorize",
        "MeterValuesAlignedData",
        "MeterValuesSampledData",
        "MeterValueSampleInterval",
        "ResetRetries",
        "StopTransactionOnEVSideDisconnect",
        "StopTransactionOnInvalidId",
        "StopTxnAlignedData",
        "StopTxnSampledData",
        "TransactionMessageAttempts",
        "TransactionMessageRetryInterval",
        "UnlockConnectorOnEVSideDisconnect",
    ],
    "LocalAuthListManagement": ["LocalAuthListEnabled"],
}
READ_ONLY = {
    "Core": ["GetConfigurationMaxKeys", "NumberOfConnectors", "SupportedFeatureProfiles"],
    "LocalAuthListManagement": ["LocalAuthListMaxLength", "SendLocalListMaxLength"],
    "SmartCharging": [
        "ChargeProfileMaxStackLevel",
        "ChargingScheduleAllowedChargingRateUnit",
        "ChargingScheduleMaxPeriods",
        "MaxChargingProfilesInstalled",
    ],
}
PROFILES = {
    "Core",
    "FirmwareManagement",
    "LocalAuthListManagement",
    "Reservation",
    "SmartCharging",
    "RemoteTrigger",
}


def test_TC_019_CS(bench: Bench16) -> None:
    """Retrieve configuration: every required key of every claimed profile, and no password."""
    claimed = set(bench.value("SupportedFeatureProfiles").split(","))
    assert "Core" in claimed
    assert claimed <= PROFILES
    found = {row["key"]: row for row in bench.call("GetConfiguration")["configurationKey"]}
    for readonly, required in ((False, READ_WRITE), (True, READ_ONLY)):
        for key in [key for profile in claimed for key in required.get(profile, [])]:
            assert key in found, key
            assert found[key]["readonly"] is readonly, key
    assert "AuthorizeRemoteTxRequests" in found
    assert "value" not in found.get("AuthorizationKey", {})
    limit = int(bench.value("GetConfigurationMaxKeys"))
    answer = bench.call("GetConfiguration", key=READ_WRITE["Core"][:limit])
    assert not answer.get("unknownKey")
    assert len(answer["configurationKey"]) == min(limit, len(READ_WRITE["Core"]))


def test_TC_021_CS(bench: Bench16) -> None:
    """Change a configuration key: the new value is read back at once."""
    assert bench.value("MeterValueSampleInterval") != "33"
    bench.configure(MeterValueSampleInterval=33)
    assert bench.value("MeterValueSampleInterval") == "33"


def test_TC_040_1_CS(bench: Bench16) -> None:
    """Unknown configuration key."""
    bench.answered("NotSupported", "ChangeConfiguration", key="Testing", value="true")


def test_TC_040_2_CS(bench: Bench16) -> None:
    """Invalid configuration value."""
    before = bench.value("MeterValueSampleInterval")
    reply = bench.ask("ChangeConfiguration", key="MeterValueSampleInterval", value="-1")
    refused(reply, "Rejected", "PropertyConstraintViolation")
    assert bench.value("MeterValueSampleInterval") == before
