"""What every test run shares: one seed, printed, that makes the generated examples the same."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Compiled anew each time, a worker's tests cost 9 s of CPU and each of hundreds of processes 0.2 s:
# who tells the interpreter to leave no bytecode behind does not mean that.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

for package in ("drivers", "evse", "firmware_bridge", "hil", "ocpp_link"):
    # Before tests/unit is on the path, whose folders have these names and would be taken for them.
    importlib.import_module(package)

PROC = b"pytest.mark.proc"
SEED = int(os.environ.get("PIEVSE_SEED", "20261121"))

settings.register_profile("pievse", deadline=None, print_blob=True)
settings.load_profile("pievse")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Seed the property tests, unless --hypothesis-seed names another one."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed: {config.option.hypothesis_seed} (PIEVSE_SEED or --hypothesis-seed)"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests of real processes are wanted, files that have none are not read."""
    words = config.option.markexpr.split()
    wanted = "proc" in words and words[words.index("proc") - 1] != "not"
    if wanted and collection_path.suffix == ".py" and not _names_proc(collection_path):
        return True
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Nothing but its file's text tells `pytest_ignore_collect` what is in it."""
    if item.get_closest_marker("proc") and not _names_proc(item.path):
        raise pytest.UsageError(f"{item.nodeid}: its file does not say {PROC.decode()}")


def _names_proc(path: Path) -> bool:
    return PROC in path.read_bytes()
