"""What every test run shares: one seed, printed, that makes the generated examples the same."""

from __future__ import annotations

import importlib
import os

import pytest
from hypothesis import settings

for package in ("drivers", "evse", "firmware_bridge", "hil", "ocpp_link"):
    # Before tests/unit is on the path, whose folders have these names and would be taken for them.
    importlib.import_module(package)

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
