"""`EnergyTransferMode` of the `iso15118` page (spec B7), which authorization needs, too."""

from __future__ import annotations

import enum


class EnergyTransferMode(enum.StrEnum):
    """AC of ISO 15118-20 is signalled with the names of ISO 15118-2."""

    AC_single_phase_core = "AC_single_phase_core"
    AC_two_phase = "AC_two_phase"
    AC_three_phase_core = "AC_three_phase_core"
    DC_core = "DC_core"
    DC_extended = "DC_extended"
    DC_combo_core = "DC_combo_core"
    DC_unique = "DC_unique"
    DC = "DC"
    AC_BPT = "AC_BPT"
    AC_BPT_DER = "AC_BPT_DER"
    AC_DER_IEC = "AC_DER_IEC"
    AC_DER_SAE = "AC_DER_SAE"
    DC_BPT = "DC_BPT"
    DC_ACDP = "DC_ACDP"
    DC_ACDP_BPT = "DC_ACDP_BPT"
    WPT = "WPT"
    MCS = "MCS"
    MCS_BPT = "MCS_BPT"
