"""Who may do what at the door: roles by the peer's uid and groups, and what each role may call.

Pure. Denied by default: a method without a row here is the admin's alone, a user whom the
configuration does not name has no role, and whoever has none is not let in.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable, Mapping

import msgspec


class Role(enum.StrEnum):
    """What a peer is at the door."""

    OBSERVER = "observer"
    """Looks, and changes nothing."""
    PROVIDER = "provider"
    """Feeds the station: an ISO 15118 stack, a card reader."""
    OCPP = "ocpp"
    """The process that faces the internet. Never `sim.*`."""
    TECHNICIAN = "technician"
    """Does what a person before the station does; may simulate where the board is simulated."""
    ADMIN = "admin"
    """Everything."""


_ALL = (Role.OBSERVER, Role.PROVIDER, Role.OCPP, Role.TECHNICIAN)
_ACTS = (Role.OCPP, Role.TECHNICIAN)
_LOOKS = (Role.OBSERVER, Role.TECHNICIAN)
_FEEDS = (Role.PROVIDER, Role.OCPP)

METHODS: Mapping[str, tuple[Role, ...]] = types.MappingProxyType(
    {
        "hello": _ALL,
        "subscribe": _ALL,
        "get": _ALL,
        "provide": _FEEDS,
        "publish": _FEEDS,
        "evse_manager.get_id": _ALL,
        "evse_manager.enable": _ACTS,
        "evse_manager.disable": _ACTS,
        "evse_manager.enable_disable": _ACTS,
        "evse_manager.authorize_response": _ACTS,
        "evse_manager.withdraw_authorization": _ACTS,
        "evse_manager.reserve": _ACTS,
        "evse_manager.cancel_reservation": _ACTS,
        "evse_manager.set_faulted": _ACTS,
        "evse_manager.pause_charging": _ACTS,
        "evse_manager.resume_charging": _ACTS,
        "evse_manager.stop_transaction": _ACTS,
        "evse_manager.force_unlock": _ACTS,
        "evse_manager.set_external_limits": _ACTS,
        "evse_manager.switch_three_phases_while_charging": _ACTS,
        "evse_manager.set_get_certificate_response": (Role.OCPP,),
        "iso15118_extensions.set_get_certificate_response": (Role.OCPP,),
        "auth_token_provider.present": (Role.PROVIDER, Role.OCPP, Role.TECHNICIAN),
        "uk_random_delay.cancel": _ACTS,
        "authorization.*": _ACTS,
        "reservation.*": _ACTS,
        "history.sessions": (Role.TECHNICIAN,),
        "history.delete_before": (),
        "ac_rcd.self_test": (Role.TECHNICIAN,),
        "metering.accept": (Role.TECHNICIAN,),
        "journal.acknowledge": (Role.OCPP,),
        "journal.*": (),
        "sys.inspect": _LOOKS,
        "sys.record": (Role.TECHNICIAN,),
        "sys.state": _LOOKS,
        "sys.why": _LOOKS,
        "supervisor.processes": _LOOKS,
        "ocpp.state": _LOOKS,
        "ocpp.variable_sources": _LOOKS,
        "ocpp.security_event": (Role.PROVIDER, Role.TECHNICIAN),
        "ocpp.*": (Role.TECHNICIAN,),
        "ocpp_1_6_charge_point.security_event": (Role.PROVIDER, Role.TECHNICIAN),
        "ocpp_1_6_charge_point.*": (Role.TECHNICIAN,),
        "data_transfer.claim": (Role.PROVIDER,),
        "data_transfer.send": (Role.PROVIDER, Role.TECHNICIAN),
        "iso15118_extensions.*": (),
        "auth_token_validator.*": (),
        "sim.*": (Role.TECHNICIAN,),
    }
)
"""Method, or `namespace.*` for what has no row of its own -> who may call it beside the admin."""

NAMESPACES: Mapping[str, Role] = types.MappingProxyType(
    {
        "ocpp": Role.OCPP,
        "ocpp_1_6_charge_point": Role.OCPP,
        "auth_token_validator": Role.OCPP,
        "iso15118_extensions": Role.PROVIDER,
    }
)
"""Namespace -> the role that may provide it beside the admin, and that an admin is from then on."""


class Credentials(msgspec.Struct, frozen=True):
    """A peer as the kernel knows it."""

    uid: int
    gids: frozenset[int] = frozenset()
    """Its group and its supplementary ones."""


class Members(msgspec.Struct, frozen=True):
    """Users and groups that have a role."""

    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()

    def has(self, peer: Credentials) -> bool:
        return peer.uid in self.uids or not self.gids.isdisjoint(peer.gids)


class Access(msgspec.Struct, frozen=True):
    """Which peer has which role. `own_uid`, that of the serving process, and root are admins."""

    own_uid: int
    members: Mapping[Role, Members] = types.MappingProxyType({})

    def role_of(self, peer: Credentials) -> Role | None:
        """The role of a peer, None for a stranger.

        Whoever is named for `ocpp` is nothing more, in whatever groups it is otherwise; of the
        other roles a peer has the highest.
        """
        if peer.uid in (0, self.own_uid):
            return Role.ADMIN
        for role in (Role.OCPP, Role.ADMIN, Role.TECHNICIAN, Role.PROVIDER, Role.OBSERVER):
            if self.members.get(role, Members()).has(peer):
                return role
        return None


def roles_for(method: str) -> tuple[Role, ...] | None:
    """Who may call `method` beside the admin; None where no row says so."""
    row = METHODS.get(method)
    return METHODS.get(f"{method.partition('.')[0]}.*") if row is None else row


def may_call(role: Role, method: str) -> bool:
    return role is Role.ADMIN or role in (roles_for(method) or ())


def may_provide(role: Role, namespace: str) -> bool:
    return namespace in NAMESPACES and role in (Role.ADMIN, NAMESPACES[namespace])


def methods_of(role: Role, served: Iterable[str]) -> list[str]:
    """What of `served` a role may call."""
    return sorted(method for method in served if may_call(role, method))


def needed(roles: Iterable[Role]) -> str:
    """`ocpp, technician or admin`: the roles that would do, for a sentence."""
    names = [role.value for role in Role if role in (*roles, Role.ADMIN)]
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
