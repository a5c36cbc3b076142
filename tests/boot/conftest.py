"""One container for all tests of this folder: booting it is the slow part."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from boot_machine import PACKAGED, Machine, cache, make_tree, missing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

CONFIG = """
[station]
identity = "PIEVSE-1"
[board]
kind = "simulated"
[[evse]]
id = 1
evse_id = "DE*PNX*E1234567*1"
connector = "socket"
max_current_a = 32.0
[evse.meter]
kind = "modbus"
model = "sdm630"
[authorization]
mode = "free"
[ocpp]
url = "ws://127.0.0.1:9000/ocpp"
versions = ["1.6"]
sets_clock = true
[ocpp.files]
releases = "/opt/pievse"
package_key_file = "/etc/pievse/package-key.pem"
"""
CLOCK = """[Service]
ExecStart=
ExecStart=/bin/sh -c 'echo %i >> /run/clock-asked'
ProtectSystem=no
"""
OFFICE = """[Unit]
Description=a back office for the test
[Service]
ExecStart=/opt/pievse/venv/bin/python /usr/local/lib/back_office.py /var/lib/back-office 3600
"""
FILES = """[Unit]
Description=packages for the test
[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /var/lib/packages 8000
"""


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """Booted, with a station of the test's own configuration and a back office."""
    lacks = missing()
    if lacks:
        pytest.fail(lacks)
    place = cache()
    tree = make_tree(place)
    (tree / "etc/pievse/station.toml").write_text(CONFIG, "utf-8")
    shutil.copy(Path(__file__).with_name("back_office.py"), tree / "usr/local/lib")
    _fit_unit(tree, "back-office", OFFICE)
    _fit_unit(tree, "packages", FILES)
    clock = tree / "etc/systemd/system/pievse-set-clock@.service.d/recorded.conf"
    clock.parent.mkdir()
    clock.write_text(CLOCK, "utf-8")
    shutil.copytree(place / "wheels", tree / "root/wheels")
    _make_packages(tree, place)
    made = Machine(tree, place / "console.log")
    try:
        made.boot()
        made.run("useradd --groups pievse,pievse-technician technician; useradd stranger")
        yield made
        (place / "journal.txt").write_text(made.journal(), "utf-8")
    finally:
        made.halt()


def _fit_unit(tree: Path, name: str, text: str) -> None:
    unit = tree / f"etc/systemd/system/{name}.service"
    unit.write_text(text, "utf-8")
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / unit.name).symlink_to(f"/etc/systemd/system/{unit.name}")


def _make_packages(tree: Path, place: Path) -> None:
    """1.0.0 lies among the releases; 2.0.0 is good, 2.5.0 is signed by somebody else, and 3.0.0 is
    broken."""
    lib = place / "release" / "lib"
    shutil.rmtree(lib.parent, ignore_errors=True)
    installed = next((tree / "opt/pievse/venv/lib").glob("python3.*/site-packages"))
    for name in PACKAGED:
        shutil.copytree(installed / name, lib / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(lib.parent, tree / "opt/pievse/releases/1.0.0")
    (tree / "var/lib/packages").mkdir()
    key = _key(place / "package.pem", tree / "etc/pievse/package-key.pem")
    _pack(lib.parent, tree, "2.0.0", key)
    _pack(lib.parent, tree, "2.5.0", _key(place / "other.pem", place / "other-public.pem"))
    (lib / "evse/cli/run.py").write_text('raise RuntimeError("a broken release")\n', "utf-8")
    _pack(lib.parent, tree, "3.0.0", key)


def _key(private: Path, public: Path) -> Path:
    made = ec.generate_private_key(ec.SECP256R1())
    private.write_bytes(
        made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private


def _pack(release: Path, tree: Path, version: str, key: Path) -> None:
    package = tree / f"var/lib/packages/{version}.tar.gz"
    pack = (sys.executable, "-m", "ocpp_link.files.package", str(release), str(package))
    subprocess.run((*pack, "--version", version, "--key", str(key)), check=True)
