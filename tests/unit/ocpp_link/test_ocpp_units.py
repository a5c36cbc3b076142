"""Privileged acts are systemd units, started by name: what is asked for, and what is believed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from files_rig import HeldWorkers
from test_ocpp_files_installer import alive, install, package

from ocpp_link.files import installer, release_unit
from ocpp_link.files.jobs import ByUnit, Confirm, Install, Outcome, RollBack
from ocpp_link.files.release_unit import Request, ask, serve
from ocpp_link.files.releases import ReleaseInstaller
from ocpp_link.system import UnitSystem
from ocpp_link.units import UnitStarter

# --- starting a unit ------------------------------------------------------------------------------


def program(place: Path, body: str) -> str:
    """A systemctl."""
    path = place / "systemctl"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def started(systemctl: str, unit: str) -> str:
    """What is called back."""

    async def scenario() -> str:
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        starter = UnitStarter(lambda act: act(), systemctl)
        starter.start(unit, done.set_result)
        async with asyncio.timeout(10):
            why = await done
        await starter.close()
        return why

    return asyncio.run(scenario())


def test_a_unit_is_started_by_its_name(tmp_path: Path) -> None:
    systemctl = program(tmp_path, f'echo "$@" > {tmp_path}/asked')
    assert started(systemctl, "pievse-reboot.service") == ""
    assert (tmp_path / "asked").read_text() == "start pievse-reboot.service\n"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("echo 'Access denied' >&2; echo more >&2; exit 1", "Access denied"),
        ("exit 4", "x.service failed"),
    ],
)
def test_why_a_unit_did_not_start_is_told(tmp_path: Path, body: str, why: str) -> None:
    assert started(program(tmp_path, body), "x.service") == why


def test_a_computer_without_systemd_says_so(tmp_path: Path) -> None:
    why = started(str(tmp_path / "none"), "x.service")
    assert why == f"{tmp_path}/none can not be started: No such file or directory"


def test_what_is_under_way_at_the_end_is_ended_and_not_told(tmp_path: Path) -> None:
    systemctl = program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")

    async def scenario() -> None:
        told: list[str] = []
        starter = UnitStarter(lambda act: act(), systemctl)
        starter.start("x.service", told.append)
        pid = tmp_path / "pid"
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 another process writes it
            await asyncio.sleep(0.005)
        await starter.close()
        assert told == []
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)

    asyncio.run(scenario())


# --- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize("may", [True, False])
def test_the_clock_is_set_by_a_unit_and_only_with_leave(may: bool) -> None:
    asked: list[str] = []
    told: list[str] = []
    system = UnitSystem(
        "boot",
        lambda _kind: None,
        lambda unit, done: (asked.append(unit), done(""))[1],
        may_set_clock=may,
    )
    system.set_time(datetime(2026, 11, 21, 17, 0, 0, 250_000, UTC), told.append)
    assert asked == (["pievse-set-clock@1795280400.250.service"] if may else [])
    assert told == ([""] if may else ["the clock is not ours to set"])


# --- releases -------------------------------------------------------------------------------------


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class World:
    """Root's releases and key, and the link's own directories."""

    def __init__(self, place: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self.key = key
        self.root, self.packages, self.asked = place / "opt", place / "files", place / "release"
        self.pem = place / "package-key.pem"
        for directory in (self.root, self.packages, self.asked):
            directory.mkdir()
        self.pem.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        install(self.root, package(place / "one.pkg", version="1.0", key=key))
        installer.confirm(Confirm(str(self.root)))

    def package(self, name: str = "two.pkg", *, signed: bool = True) -> Path:
        return package(self.packages / name, version="2.0", key=self.key if signed else None)

    def do(self, act: Install | Confirm | RollBack) -> release_unit.End:
        """What the unit's side answers."""
        (self.asked / "request.json").write_bytes(msgspec.json.encode(Request("n", act)))
        assert serve(self.asked / "request.json", self.root, self.packages, self.pem)
        answer = msgspec.json.decode(
            (self.root / "answer.json").read_bytes(), type=release_unit.Answer
        )
        assert answer.nonce == "n"
        return answer.end

    def install(self, path: Path, **more: str) -> release_unit.End:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return self.do(Install("/elsewhere", str(path), digest, **more))


@pytest.fixture
def world(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> World:
    return World(tmp_path, key)


def test_a_signed_package_is_installed_where_root_says_and_can_be_taken_back(world: World) -> None:
    end = world.install(world.package())
    assert (end.outcome, end.version, end.restart) == (Outcome.DONE, "2.0", True)
    assert installer.next_start(world.root) == "2.0"
    assert not (world.root / "package.tmp").exists()
    assert world.do(RollBack("/elsewhere", "it hangs")).version == "1.0"


def test_a_release_is_compiled_once_where_nobody_can_write_later(world: World) -> None:
    world.install(world.package())
    assert list((world.root / "releases/2.0/lib/__pycache__").glob("a.*.pyc"))


def test_nothing_is_installed_that_root_s_key_did_not_sign(world: World) -> None:
    """Whatever key the request names."""
    end = world.install(world.package(signed=False), package_key="")
    assert end.outcome is Outcome.INVALID_PACKAGE
    assert installer.next_start(world.root) == "1.0"


def test_without_a_key_nothing_is_installed_at_all(world: World) -> None:
    world.pem.unlink()
    end = world.install(world.package())
    assert end.outcome is Outcome.INVALID_PACKAGE
    assert f"there is no {world.pem}" in end.says
    assert installer.next_start(world.root) == "1.0"


def test_a_package_is_looked_for_in_the_link_s_directory_alone(world: World) -> None:
    """A path elsewhere is cut to its name; a link is not followed."""
    outside = world.root / "two.pkg"
    package(outside, version="2.0", key=world.key)
    assert world.install(outside).outcome is Outcome.FAILED
    (world.packages / "two.pkg").symlink_to(outside)
    assert world.install(outside).outcome is Outcome.FAILED
    (world.packages / "two.pkg").unlink()
    os.mkfifo(world.packages / "two.pkg")
    end = world.do(Install("", "two.pkg", ""))
    assert (end.outcome, "is no file" in end.says) == (Outcome.INVALID_PACKAGE, True)
    assert installer.next_start(world.root) == "1.0"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 70_000, b'{"nonce": "n", "act": {"type": "download"}}']
)
def test_a_request_that_can_not_be_read_changes_nothing(world: World, content: bytes) -> None:
    (world.asked / "request.json").write_bytes(content)
    assert not serve(world.asked / "request.json", world.root, world.packages, world.pem)
    assert not (world.root / "answer.json").exists()


def unit(world: World, place: Path) -> str:
    """A systemctl whose unit does what the real one does."""
    arguments = f"--request {world.asked}/request.json --root {world.root} --key {world.pem}"
    module = "ocpp_link.files.release_unit"
    return program(place, f'exec python3 -P -m {module} {arguments} --packages "{world.packages}"')


def test_the_link_asks_by_unit_and_hears_how_it_ended(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    path = world.package()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    act = Install(str(world.root), str(path), digest)
    end = ask(ByUnit(act, str(world.asked)), alive, unit(world, tmp_path))
    assert (end.outcome, end.version) == (Outcome.DONE, "2.0")


def test_a_unit_that_may_not_start_is_a_failure_and_no_old_answer_is_taken(
    world: World, tmp_path: Path
) -> None:
    world.do(Confirm(""))
    refuses = program(tmp_path, "echo Access denied >&2; exit 1")
    end = ask(ByUnit(Confirm(str(world.root)), str(world.asked)), alive, refuses)
    assert end.outcome is Outcome.FAILED
    assert end.says.endswith("gave no answer: Access denied")


def test_an_installer_of_units_hands_every_act_to_the_unit(world: World) -> None:
    workers = HeldWorkers()
    by_unit = ReleaseInstaller(workers, world.root, running="1.0", unit=world.asked)
    by_unit.install("two.pkg", "00", lambda _end: None)
    by_unit.confirm(lambda _end: None)
    by_unit.roll_back("it hangs", lambda _end: None)
    assert len(workers.all) == 3
    assert all(isinstance(job, ByUnit) for job in workers.all)
