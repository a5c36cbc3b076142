"""The console's PIN: never stored as typed, and tried five times a minute at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from evse.cli.console_pin import PinFiles
from evse.clock import VirtualClock
from evse.console.pin import TRIES, WAIT_MS, Tries, counted, wait_ms

PIN = "246810"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1_000)


@pytest.fixture
def gate(tmp_path: Path, clock: VirtualClock) -> PinFiles:
    files = PinFiles(tmp_path, clock)
    files.set(PIN)
    return files


def test_the_right_pin_opens_and_a_wrong_one_does_not(gate: PinFiles) -> None:
    assert gate.refusal("246811") == "wrong PIN"
    assert gate.refusal(PIN) == ""


def test_a_pin_is_kept_as_a_hash_that_the_owner_alone_reads(gate: PinFiles, tmp_path: Path) -> None:
    path = tmp_path / "console.pin"
    assert PIN.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_five_wrong_ones_the_right_one_waits_too_also_in_a_new_console(
    gate: PinFiles, tmp_path: Path, clock: VirtualClock
) -> None:
    for _ in range(TRIES):
        assert gate.refusal("000000") == "wrong PIN"
    another = PinFiles(tmp_path, clock)
    assert another.refusal(PIN) == "too many wrong PINs; wait 60 s"
    clock.advance_to(clock.now_ms() + WAIT_MS)
    assert another.refusal(PIN) == ""


def test_the_right_pin_forgets_the_wrong_ones(gate: PinFiles) -> None:
    for _ in range(3):
        for _ in range(TRIES - 1):
            gate.refusal("000000")
        assert gate.refusal(PIN) == ""


def test_a_clock_that_began_anew_waits_no_longer_than_a_minute() -> None:
    assert wait_ms(Tries(0, 10**9), 5) == WAIT_MS
    assert wait_ms(counted(Tries(TRIES - 1), 5), 5) == WAIT_MS


def test_without_a_pin_nothing_opens(tmp_path: Path, clock: VirtualClock) -> None:
    assert "no PIN is set" in PinFiles(tmp_path, clock).refusal(PIN)


@pytest.mark.parametrize("name", ["console.pin", "console.tries"])
def test_damaged_files_open_nothing(gate: PinFiles, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"{}x")
    assert "can not be checked" in gate.refusal(PIN)


@pytest.mark.parametrize("pin", ["12345", "1" * 65, "123 456", "12345\u00e9"])
def test_what_can_not_be_a_pin_is_refused(gate: PinFiles, pin: str) -> None:
    with pytest.raises(ValueError, match="a PIN"):
        gate.set(pin)
    assert gate.refusal(PIN) == ""
