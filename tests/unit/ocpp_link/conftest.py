"""One charge point for tests that need no special one."""

from __future__ import annotations

import pytest
from ocpp_rig import Rig


@pytest.fixture
def rig() -> Rig:
    """One EVSE, core and back office up, registered."""
    return Rig().start()
