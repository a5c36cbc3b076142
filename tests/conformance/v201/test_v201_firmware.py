"""Firmware updates, signed by the manufacturer."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from conformance_v201 import Bench201
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from evse.clock import rfc3339

RESTART_S = 300.0
pytestmark = pytest.mark.look(security_profile=2)


def update(
    bench: Bench201,
    status: str = "Accepted",
    *,
    id_: int = 9,
    name: str = "signed.bin",
    broken: bool = False,
    tampered: bool = False,
    stranger: bool = False,
    retrieve_in_s: float = -7200,
    install_in_s: float = -7200,
    retries: int = 0,
) -> None:
    """UpdateFirmware of an image that is at the server; `name` may be of one that is not."""
    image = bench.station.image(broken=broken)
    bench.files.offers["signed.bin"] = image
    authority = bench.pki.stranger if stranger else bench.pki.manufacturer_root
    signer = authority.station("Firmware")
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    signature = signer.key.sign(image + b"!" * tampered, ec.ECDSA(hashes.SHA256()))
    now = bench.station.clock.utc()
    bench.answered(
        status,
        "UpdateFirmware",
        requestId=id_,
        retries=retries,
        retryInterval=60,
        firmware={
            "location": bench.files.url(name),
            "retrieveDateTime": rfc3339(now + timedelta(seconds=retrieve_in_s)),
            "installDateTime": rfc3339(now + timedelta(seconds=install_in_s)),
            "signingCertificate": signer.pem,
            "signature": base64.b64encode(signature).decode(),
        },
    )


def told(bench: Bench201, *statuses: str, id_: int = 9) -> list[Any]:
    return [
        bench.expect("FirmwareStatusNotification", status=status, requestId=id_, within_s=RESTART_S)
        for status in statuses
    ]


def idle_again(bench: Bench201) -> None:
    """Unavailable in between and a reboot are allowed; afterwards all connectors are free."""
    bench.wait(30)
    bench.take("BootNotification")
    bench.take("StatusNotification")
    for evse in bench.evses:
        last = bench.sent("StatusNotification", evseId=evse)
        assert not last or last[-1]["connectorStatus"] == "Available"


def installed(bench: Bench201) -> None:
    told(bench, "Downloading", "Downloaded", "SignatureVerified")
    ends(bench)


def ends(bench: Bench201) -> None:
    told(bench, "Installing")
    subject = {"status": "Installed"}
    bench.of("FirmwareStatusNotification", subject, within_s=RESTART_S, requestId=9)
    between = [m["status"] for m in bench.take("FirmwareStatusNotification")]
    assert between in ([], ["InstallRebooting"])
    bench.of("SecurityEventNotification", {"type": "FirmwareUpdated"})
    idle_again(bench)


def test_TC_L_01_CS(bench: Bench201) -> None:
    """Secure update."""
    update(bench)
    installed(bench)


def test_TC_L_02_CS(bench: Bench201) -> None:
    """Secure update, to be installed later."""
    update(bench, install_in_s=120)
    begin_s = bench.now_s
    told(bench, "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled")
    ends(bench)
    assert bench.now_s - begin_s >= 120


def test_TC_L_03_CS(bench: Bench201) -> None:
    """Secure update, to be downloaded later."""
    update(bench, retrieve_in_s=120)
    begin_s = bench.now_s
    told(bench, "DownloadScheduled", "Downloading")
    assert bench.now_s - begin_s >= 119
    told(bench, "Downloaded", "SignatureVerified")
    ends(bench)


def test_TC_L_05_CS(bench: Bench201) -> None:
    """Signed by a stranger: nothing is downloaded."""
    update(bench, "InvalidCertificate", stranger=True)
    kind = {"type": "InvalidFirmwareSigningCertificate"}
    bench.of("SecurityEventNotification", kind)
    bench.quiet(30)


def test_TC_L_06_CS(bench: Bench201) -> None:
    """A signature that does not fit: nothing is installed."""
    update(bench, tampered=True)
    told(bench, "Downloading", "Downloaded", "InvalidSignature")
    bench.of("SecurityEventNotification", {"type": "InvalidFirmwareSignature"})
    idle_again(bench)
    assert not bench.sent("BootNotification")


def test_TC_L_07_CS(bench: Bench201) -> None:
    """Nothing is there to download."""
    update(bench, name="nowhere.bin")
    told(bench, "Downloading", "DownloadFailed")
    idle_again(bench)


def test_TC_L_08_CS(bench: Bench201) -> None:
    """What was downloaded can not be installed."""
    update(bench, broken=True)
    told(bench, "Downloading", "Downloaded", "SignatureVerified", "Installing")
    last = bench.expect("FirmwareStatusNotification", within_s=RESTART_S)
    assert last["status"] in ("InstallVerificationFailed", "InstallationFailed")
    idle_again(bench)


def test_TC_L_10_CS(bench: Bench201) -> None:
    """A second update takes the place of one that has not begun to be installed."""
    update(bench, id_=8, install_in_s=3600)
    told(bench, "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled", id_=8)
    update(bench, "AcceptedCanceled")
    bench.wait(1)
    for message in bench.untaken("FirmwareStatusNotification"):
        message.taken = message["requestId"] == 8
    installed(bench)


def test_TC_L_18_CS(bench: Bench201) -> None:
    """Signed by nobody: refused."""
    bench.files.offers["signed.bin"] = bench.station.image(broken=False)
    at = rfc3339(bench.station.clock.utc() - timedelta(hours=2))
    wanted = {
        "location": bench.files.url("signed.bin"),
        "retrieveDateTime": at,
        "installDateTime": at,
    }
    answer = bench.call("UpdateFirmware", requestId=9, firmware=wanted)
    assert answer["status"] in ("Rejected", "InvalidCertificate")
    bench.quiet(30)


def test_TC_F_19_CS(bench: Bench201) -> None:
    """How a download fares, on request."""
    update(bench, name="nowhere.bin", retries=3)
    told(bench, "Downloading")
    bench.wait(10)
    bench.take("FirmwareStatusNotification")
    bench.accepted("TriggerMessage", requestedMessage="FirmwareStatusNotification")
    told(bench, "Downloading")
    bench.wait(240)
    bench.take("FirmwareStatusNotification")
