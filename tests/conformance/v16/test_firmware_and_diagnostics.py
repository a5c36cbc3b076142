"""Firmware and diagnostics, and their secured forms."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from conformance_csms import Received
from conformance_v16 import Bench16
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PLAIN = "FirmwareStatusNotification"
SIGNED = "SignedFirmwareStatusNotification"
RESTART_S = 300.0


def idle_again(bench: Bench16) -> None:
    """Unavailable in between and a reboot are allowed; afterwards all connectors are free."""
    bench.wait(30)
    bench.take("BootNotification")
    bench.take("StatusNotification")
    for connector in bench.connectors:
        told = bench.sent("StatusNotification", connectorId=connector)
        assert not told or told[-1]["status"] == "Available"


def told(bench: Bench16, action: str, *statuses: str, **fields: Any) -> list[Received]:
    return [
        bench.expect(action, status=status, within_s=RESTART_S, **fields) for status in statuses
    ]


def update(bench: Bench16, name: str, **more: Any) -> None:
    """UpdateFirmware, at once."""
    bench.call(
        "UpdateFirmware", location=bench.files.url(name), retrieveDate=bench.after(0), **more
    )


def test_TC_044_1_CS(bench: Bench16) -> None:
    """Firmware update, success: Installed is told after the reboot, if there is one."""
    bench.files.offers["good.bin"] = bench.station.image(broken=False)
    update(bench, "good.bin")
    told(bench, PLAIN, "Downloading", "Downloaded", "Installing")
    (installed,) = told(bench, PLAIN, "Installed")
    assert all(boot.order < installed.order for boot in bench.sent("BootNotification"))
    idle_again(bench)


def test_TC_044_2_CS(bench: Bench16) -> None:
    """Firmware update, download fails: there is one attempt."""
    update(bench, "nowhere.bin", retries=0)
    told(bench, PLAIN, "Downloading", "DownloadFailed")
    bench.quiet(300)
    assert len(bench.files.asked) == 1
    idle_again(bench)


def test_TC_044_3_CS(bench: Bench16) -> None:
    """Firmware update, installation fails."""
    bench.files.offers["broken.bin"] = bench.station.image(broken=True)
    update(bench, "broken.bin")
    told(bench, PLAIN, "Downloading", "Downloaded", "Installing", "InstallationFailed")
    idle_again(bench)


def test_TC_045_1_CS(bench: Bench16) -> None:
    """Diagnostics upload: the file is really there."""
    name = bench.call("GetDiagnostics", location=bench.files.url())["fileName"]
    told(bench, "DiagnosticsStatusNotification", "Uploading", "Uploaded")
    assert bench.files.uploads[name]


def test_TC_045_2_CS(bench: Bench16) -> None:
    """Diagnostics upload fails: the station works on."""
    bench.files.writable = False
    bench.call("GetDiagnostics", location=bench.files.url(), retries=0)
    told(bench, "DiagnosticsStatusNotification", "Uploading", "UploadFailed")
    bench.charging()


@pytest.mark.look(security_profile=1)
def test_TC_079_CS(bench: Bench16) -> None:
    """Security log."""
    answer = bench.accepted(
        "GetLog", logType="SecurityLog", requestId=5, log={"remoteLocation": bench.files.url()}
    )
    told(bench, "LogStatusNotification", "Uploading", "Uploaded", requestId=5)
    assert bench.files.uploads[answer["filename"]]


def signed_update(bench: Bench16, *, tampered: bool) -> None:
    """SignedUpdateFirmware of a good image, Accepted."""
    image = bench.station.image(broken=False)
    bench.files.offers["signed.bin"] = image
    signer = bench.pki.manufacturer_root.station("Firmware")
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    signature = signer.key.sign(image + b"!" * tampered, ec.ECDSA(hashes.SHA256()))
    bench.accepted(
        "SignedUpdateFirmware",
        requestId=9,
        retries=0,
        firmware={
            "location": bench.files.url("signed.bin"),
            "retrieveDateTime": bench.after(0),
            "signingCertificate": signer.pem,
            "signature": base64.b64encode(signature).decode(),
        },
    )


@pytest.mark.look(security_profile=2)
def test_TC_080_CS(bench: Bench16) -> None:
    """Signed firmware update."""
    signed_update(bench, tampered=False)
    told(bench, SIGNED, "Downloading", "Downloaded", "SignatureVerified", requestId=9)
    told(bench, SIGNED, "Installing", requestId=9)
    bench.of(SIGNED, {"status": "Installed"}, within_s=RESTART_S, requestId=9)
    between = [m["status"] for m in bench.take(SIGNED)]
    assert between in ([], ["InstallRebooting"])
    if bench.sent("BootNotification"):
        bench.of("SecurityEventNotification", {"type": "FirmwareUpdated"})
    idle_again(bench)


@pytest.mark.look(security_profile=2)
def test_TC_081_CS(bench: Bench16) -> None:
    """Signed firmware update, bad signature: nothing is installed."""
    signed_update(bench, tampered=True)
    told(bench, SIGNED, "Downloading", "Downloaded", "InvalidSignature", requestId=9)
    bench.of("SecurityEventNotification", {"type": "InvalidFirmwareSignature"})
    idle_again(bench)
    assert not bench.sent("BootNotification")
