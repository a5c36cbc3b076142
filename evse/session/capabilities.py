"""What the hardware of one EVSE can do now: rating, board, and what it has lost. Pure."""

from __future__ import annotations

from evse.config.evse import EvseTable
from evse.model import Capability
from evse.types.board_support import ConnectorType, HardwareCapabilities

LEAST_OFFER_A = 6.0
"""IEC 61851-1 Table A.8: no duty cycle offers less."""


def hardware_capabilities(
    config: EvseTable, board: Capability | None, rating_a: float | None = None
) -> HardwareCapabilities:
    """`board`: what it declared, None while it has not or is lost: then 0 A and no switching
    (spec evse-core B4). `rating_a`: what derating leaves of `max_current_a`."""
    most_a = config.max_current_a if rating_a is None else min(rating_a, config.max_current_a)
    if board is None or most_a < LEAST_OFFER_A:
        most_a = 0.0
    switches = _switches_phases(config, board)
    return HardwareCapabilities(
        max_current_A_import=most_a,
        min_current_A_import=min(LEAST_OFFER_A, most_a),
        max_phase_count_import=config.phases,
        min_phase_count_import=1 if switches else config.phases,
        max_current_A_export=0.0,
        min_current_A_export=0.0,
        max_phase_count_export=config.phases,
        min_phase_count_export=1 if switches else config.phases,
        supports_changing_phases_during_charging=switches,
        supports_cp_state_E=False,
        connector_type=_connector(config),
    )


def _switches_phases(config: EvseTable, board: Capability | None) -> bool:
    able = board is not None and Capability.PHASE_SWITCH in board
    return able and config.phases == 3 and config.phase_switch.mode != "never"


def _connector(config: EvseTable) -> ConnectorType:
    if config.connector == "socket":
        return ConnectorType.IEC62196Type2Socket
    return ConnectorType.IEC62196Type2Cable
