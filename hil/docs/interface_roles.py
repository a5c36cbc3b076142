"""The part of `docs/interface.md` on who may call what, and who provides what."""

from __future__ import annotations

from collections.abc import Iterator

from evse.door.roles import METHODS, NAMESPACES, Role

_ROLES = """\
The kernel tells the door the uid and the groups of each peer, and these decide its role; a method
without a row here is the admin's alone, who has all of them.

| role | who |
|---|---|
| admin | root, the user that the core runs as, and `[door] admins` |
| technician | `[door] technicians`: a person before the station |
| ocpp | `[door] ocpp`; whoever is named there is never more than that |
| provider | `[door] providers`: an ISO 15118 stack, a card reader |
| observer | `[door] observers`: looks and changes nothing |

`[door]` names users, and groups with an `@`: `technicians = ["ann", "@service", "1001"]`; left out,
they are the user `pievse-ocpp` and the groups `pievse-admin`, `-technician`, `-provider` and
`-observer`. A name that the computer does not know gives nobody anything, and the core says so in
its log. Of several roles the highest holds, but for `ocpp`. Who has none is told so and cut off.
The socket is open to its owner and its group alone: `group = "pievse"` gives it to one, whose
members may then knock. Where everything runs as one user, as under `evse run`, all peers are
admins until they provide a namespace. `sim.*` is there on a simulated board only.

`hello` answers `role`, `interface` and the `methods` that the role may call."""

_PROVIDERS = """\
`provide {"namespace": ...}` makes a peer the one that serves a namespace, in place of the one
before it; an admin that does so has the role of the namespace from then on. `publish {"variable",
"value", "evse"}` tells a value, read as the type of its page first. Who provides
`iso15118_extensions` also publishes `evse_manager.ev_info` (the whole of it each time; emptied when
a session begins and ends) and `evse_manager.car_manufacturer` (`Unknown` again at each plug-in). An
answer to `iso15118_certificate_request` goes to it once; where no car waits for one it is dropped,
with a line in the log. A provider that leaves takes what it said along; `is_connected` is then
false."""


def roles_sections() -> Iterator[str]:
    """The sections, from the tables of evse/door/roles.py."""
    yield "## Roles"
    yield _ROLES
    yield "\n".join(_roles())
    yield "## Providers"
    yield _PROVIDERS
    yield "\n".join(_namespaces())


def _roles() -> Iterator[str]:
    """Who may call what."""
    roles = [role for role in Role if role is not Role.ADMIN]
    yield f"| method | {' | '.join(roles)} |"
    yield f"|---|{'---|' * len(roles)}"
    for method, allowed in METHODS.items():
        cells = ("yes" if role in allowed else "" for role in roles)
        yield f"| `{method}` | {' | '.join(cells)} |"


def _namespaces() -> Iterator[str]:
    yield "| namespace | role |"
    yield "|---|---|"
    for namespace, role in NAMESPACES.items():
        yield f"| `{namespace}` | {role} |"
