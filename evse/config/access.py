"""Who may charge (`[authorization]`), and who may ask what of the station (`[door]`)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from evse.config.values import Table, TokenValue


class AuthorizationTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authorization]`: who may charge."""

    mode: Literal["free", "list", "ocpp", "door"]
    """`free`: everybody. `list`: `tokens` alone. `ocpp`: `tokens`, then the back office. `door`:
    `tokens`, then whoever provides `auth_token_validator` at the door."""
    tokens: tuple[TokenValue, ...] = ()
    """Good without asking anybody; compared without regard to case."""
    free_token: TokenValue = "FREESERVICE"
    """What transactions run on in mode `free`. A back office that does not know it ends them at
    once: give it one that it knows, of 20 characters at most for OCPP 1.6."""
    selection: Literal["FindFirst", "PlugEvents", "PlugEventsLIFO", "UserInput"] = "FindFirst"
    """Which of several EVSEs a token is for: the first with a waiting car, else the first free
    one; the car that came first; the car that came last; the one that somebody chooses."""
    connection_timeout_s: Annotated[int, Meta(ge=10, le=300)] = 60
    """An authorization lapses when no car comes for so long; first value of OCPP's
    ConnectionTimeOut."""
    plug_in_timeout: bool = False
    """With several EVSEs: a car without a token for as long is passed over from then on, except by
    a token that names its EVSE alone."""
    stop_on_reswipe: bool = True
    """The token of a transaction, presented again, ends it."""
    prioritize_authorization_over_stopping_transaction: bool = True
    """A token of the group of a running transaction starts another one while an EVSE is free, and
    ends that one only where none is. False: it ends that one."""
    ignore_faults: bool = False
    """Let a token have an EVSE that is faulted; it charges once the fault is gone."""
    master_pass_group_id: Annotated[str, Meta(max_length=36)] = ""
    """Tokens of this group end any transaction and start none; empty = there is none."""


PosixName = Annotated[
    str,
    Meta(
        pattern=r"^@?[A-Za-z0-9_][A-Za-z0-9_.\-]{0,31}\Z",
        description="a user's name or number, or a group's after an @, such as \"@pievse-admin\"",
    ),
]


class DoorTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[door]`: who may ask what of the station, by user or group (docs/interface.md, Roles).
    Beside those named here, root and the user that runs the core are admins; whoever has no role
    is not let in."""

    group: Annotated[
        str, Meta(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.\-]{0,31})?\Z", description="a group")
    ] = ""
    """Its members may open the socket at all. Left out, the group that the core runs in."""
    admins: tuple[PosixName, ...] = ("@pievse-admin",)
    technicians: tuple[PosixName, ...] = ("@pievse-technician",)
    ocpp: tuple[PosixName, ...] = ("pievse-ocpp",)
    """Whoever is named here is never more than this."""
    providers: tuple[PosixName, ...] = ("@pievse-provider",)
    observers: tuple[PosixName, ...] = ("@pievse-observer",)
