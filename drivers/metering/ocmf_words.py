"""The one-letter words of OCMF: why a reading was taken, in what state the meter was, how good its
time is (Open Charge Metering Format 1.x, tables 7, 10 and 19)."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """Why a reading was taken: `TX` (Table 7)."""

    BEGIN = "B"
    CHARGING = "C"
    EXCEPTION = "X"
    """An error while charging: from here on time or energy can not be used."""
    END = "E"
    ENDED_LOCALLY = "L"
    ENDED_REMOTELY = "R"
    ABORTED = "A"
    POWER_FAILED = "P"
    SUSPENDED = "S"
    TARIFF_CHANGE = "T"


ENDS = frozenset(
    {
        Reason.END,
        Reason.ENDED_LOCALLY,
        Reason.ENDED_REMOTELY,
        Reason.ABORTED,
        Reason.POWER_FAILED,
    }
)


class MeterState(enum.StrEnum):
    """State of the meter at a reading: `ST` (Table 10)."""

    NOT_PRESENT = "N"
    OK = "G"
    TIMEOUT = "T"
    DISCONNECTED = "D"
    NOT_FOUND = "R"
    MANIPULATED = "M"
    EXCHANGED = "X"
    INCOMPATIBLE = "I"
    OUT_OF_RANGE = "O"
    SUBSTITUTE = "S"
    OTHER_ERROR = "E"
    READ_ERROR = "F"


class TimeState(enum.StrEnum):
    """How good the time of a reading is (Table 19)."""

    UNKNOWN = "U"
    INFORMATIVE = "I"
    SYNCHRONISED = "S"
    RELATIVE = "R"
