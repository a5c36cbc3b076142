"""What the system knows of users: a peer's credentials, and the numbers behind names.

The shell of evse/door/roles.py. What can not be found out grants nothing.
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterable

from evse.config.access import DoorTable
from evse.door.roles import Access, Credentials, Members, Role

_UCRED = struct.Struct("3i")
"""pid, uid, gid of unix(7) SO_PEERCRED."""
_SO_PEERGROUPS = 59
"""asm-generic/socket.h, Linux 4.13; Python has no name for it."""
_MOST_GROUPS = 256
NOBODY = Credentials(uid=-1)


def credentials(peer: socket.socket) -> Credentials:
    """Who connected to this Unix socket, as of then; NOBODY where the kernel does not tell."""
    try:
        _pid, uid, gid = _UCRED.unpack(
            peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        )
    except (OSError, struct.error):
        return NOBODY
    return Credentials(uid=uid, gids=frozenset({gid, *_supplementary(peer)}))


def _supplementary(peer: socket.socket) -> tuple[int, ...]:
    """None where the kernel has no such option, or the peer more groups than anybody has."""
    try:
        raw = peer.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
    except OSError:
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)


def access(table: DoorTable, say: Callable[[str], None]) -> Access:
    """The roles that `[door]` gives. A name that this computer does not know gives none, and `say`
    is told of it unless it is a default."""
    named: dict[Role, tuple[str, ...]] = {
        Role.ADMIN: table.admins,
        Role.TECHNICIAN: table.technicians,
        Role.OCPP: table.ocpp,
        Role.PROVIDER: table.providers,
        Role.OBSERVER: table.observers,
    }
    defaults = {name for names in _names(DoorTable()) for name in names}
    members: dict[Role, Members] = {}
    for role, names in named.items():
        members[role] = _members(names)
        for name in names:
            if name not in defaults and _members((name,)) == Members():
                say(f'[door] "{name}" is not known on this computer: nobody is {role} by it')
    return Access(own_uid=os.getuid(), members=members)


def gid_of(group: str) -> int:
    """The number of a group, given by name or number. Raises KeyError."""
    return int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid


def _names(table: DoorTable) -> Iterable[tuple[str, ...]]:
    return (table.admins, table.technicians, table.ocpp, table.providers, table.observers)


def _members(names: Iterable[str]) -> Members:
    uids: set[int] = set()
    gids: set[int] = set()
    for name in names:
        try:
            if name.startswith("@"):
                gids.add(gid_of(name[1:]))
            else:
                uids.add(int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue
    return Members(uids=frozenset(uids), gids=frozenset(gids))
