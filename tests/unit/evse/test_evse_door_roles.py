"""Roles: who is who by uid and groups, what each may call, and that a stranger is not let in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from station_rig import Peer, station

from evse.config.access import DoorTable
from evse.config.load import parse
from evse.config.read import ConfigError
from evse.door import jsonrpc
from evse.door.client import DoorClient
from evse.door.hub import Connection, Hub, Reply
from evse.door.jsonrpc import RpcError
from evse.door.methods import TABLE
from evse.door.peer import NOBODY, access, credentials
from evse.door.providers import Providers
from evse.door.roles import (
    METHODS,
    NAMESPACES,
    Access,
    Credentials,
    Members,
    Role,
    may_call,
    may_provide,
    methods_of,
    needed,
    roles_for,
)
from evse.door.server import KEPT_PLACES, MAX_PEERS, DoorServer
from evse.run.sim import PLANT_METHODS
from ocpp_link.door.methods import TABLE as LINK_TABLE

OWN = 990
UIDS = st.integers(0, 40)
GIDS = st.integers(0, 40)
members = st.builds(Members, st.frozensets(UIDS, max_size=5), st.frozensets(GIDS, max_size=5))
accesses = st.builds(
    Access, own_uid=st.just(OWN), members=st.dictionaries(st.sampled_from(Role), members)
)
peers = st.builds(Credentials, UIDS.filter(bool), st.frozensets(GIDS, max_size=4))

# --- what a role may ------------------------------------------------------------------------------


def served() -> list[str]:
    """Every method that some door of a simulated station serves."""
    hub = station().station
    assert hub is not None
    elsewhere = ("sys.state", "sys.record", "sim.swipe", "sim.power_cut", "supervisor.processes")
    return [*hub.hub.methods, *elsewhere, *PLANT_METHODS]


def test_every_method_that_is_served_has_a_row() -> None:
    assert [method for method in served() if roles_for(method) is None] == []


def test_every_row_is_of_a_method_or_a_namespace_that_there_is() -> None:
    known = {*served(), *TABLE, *LINK_TABLE, "data_transfer.claim"}
    namespaces = {method.partition(".")[0] for method in known} | set(NAMESPACES)
    own = {"authorization", "reservation"}
    for row in METHODS:
        if row.endswith(".*"):
            assert row.removesuffix(".*") in namespaces | own
        else:
            assert row in known, row


def test_every_namespace_of_a_provider_has_a_row_for_what_is_handed_on() -> None:
    assert all(f"{namespace}.*" in METHODS for namespace in NAMESPACES)


@given(st.text(max_size=12), st.sampled_from(Role))
def test_what_has_no_row_is_the_admins_alone(name: str, role: Role) -> None:
    method = f"new.{name}"
    assert may_call(role, method) is (role is Role.ADMIN)


@given(st.text(max_size=12), st.sampled_from([Role.OBSERVER, Role.PROVIDER, Role.OCPP]))
def test_sim_is_for_people_alone(name: str, role: Role) -> None:
    assert not may_call(role, f"sim.{name}")


def test_an_observer_changes_nothing() -> None:
    looks = {"hello", "subscribe", "get", "evse_manager.get_id"}
    looks |= {"sys.inspect", "sys.state", "sys.why", "supervisor.processes"}
    assert set(methods_of(Role.OBSERVER, served())) == looks


def test_a_technician_deletes_no_history_and_acknowledges_no_event() -> None:
    for method in ("history.delete_before", "journal.acknowledge", "provide", "publish"):
        assert not may_call(Role.TECHNICIAN, method)


def test_a_provider_commands_no_evse() -> None:
    allowed = methods_of(Role.PROVIDER, served())
    assert [m for m in allowed if m.startswith("evse_manager.")] == ["evse_manager.get_id"]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("namespace", [*NAMESPACES, "evse_manager", "sim", "x", ""])
def test_a_namespace_is_provided_by_its_role_alone(role: Role, namespace: str) -> None:
    wanted = NAMESPACES.get(namespace)
    expected = wanted is not None and role in (wanted, Role.ADMIN)
    assert may_provide(role, namespace) is expected


def test_the_roles_that_would_do_are_named() -> None:
    assert needed(()) == "admin"
    assert needed([Role.OCPP]) == "ocpp or admin"
    assert needed([Role.TECHNICIAN, Role.OCPP]) == "ocpp, technician or admin"


# --- who is who -----------------------------------------------------------------------------------


@given(accesses, st.frozensets(GIDS, max_size=4))
def test_root_and_the_cores_own_user_are_admins(given: Access, gids: frozenset[int]) -> None:
    for uid in (0, OWN):
        assert given.role_of(Credentials(uid, gids)) is Role.ADMIN


@given(peers)
def test_whom_nobody_named_has_no_role(peer: Credentials) -> None:
    assert Access(own_uid=OWN).role_of(peer) is None


@given(accesses, peers)
def test_a_role_is_one_that_names_the_peer(given: Access, peer: Credentials) -> None:
    role = given.role_of(peer)
    named = [each for each, who in given.members.items() if who.has(peer)]
    assert (role is None) == (not named)
    assert role is None or role in named


@given(accesses, peers)
def test_whoever_is_named_for_ocpp_is_never_more(given: Access, peer: Credentials) -> None:
    if given.members.get(Role.OCPP, Members()).has(peer):
        assert given.role_of(peer) is Role.OCPP


@given(accesses, peers)
def test_of_the_other_roles_the_highest_holds(given: Access, peer: Credentials) -> None:
    role = given.role_of(peer)
    named = [each for each in Role if given.members.get(each, Members()).has(peer)]
    if Role.OCPP not in named and named:
        assert role is named[-1]


def test_nobody_is_no_admin_of_any_core() -> None:
    assert Access(own_uid=0).role_of(NOBODY) is None


# --- the configuration ----------------------------------------------------------------------------

STATION = """
[station]
identity = "R"
[board]
kind = "simulated"
[[evse]]
id = 1
evse_id = "DE*PNX*E0001*1"
connector = "socket"
max_current_a = 16
[authorization]
mode = "free"
"""


def test_users_and_groups_are_read_by_name_and_number() -> None:
    table = DoorTable(admins=("0", "@0"), observers=("root", "@root"))
    said: list[str] = []
    found = access(table, said.append)
    assert found.members[Role.ADMIN] == Members(frozenset({0}), frozenset({0}))
    assert found.members[Role.OBSERVER] == Members(frozenset({0}), frozenset({0}))
    assert found.own_uid == os.getuid()
    assert said == []


def test_a_name_that_nobody_has_gives_nothing_and_is_told() -> None:
    said: list[str] = []
    found = access(DoorTable(admins=("no-such-user-1", "@no-such-group-1")), said.append)
    assert found.members[Role.ADMIN] == Members()
    assert len(said) == 2
    assert '"no-such-user-1" is not known on this computer: nobody is admin by it' in said[0]


def test_the_default_names_are_missed_by_nobody() -> None:
    said: list[str] = []
    access(DoorTable(), said.append)
    assert said == []


def test_the_table_is_read_from_the_file() -> None:
    config = parse(
        STATION + '[door]\ngroup = "pievse"\ntechnicians = ["ann", "@service", "1001"]\n'
    )
    assert config.door.technicians == ("ann", "@service", "1001")
    assert config.door.group == "pievse"
    assert parse(STATION).door == DoorTable()


@pytest.mark.parametrize("name", ["", "@", "two words", "a" * 34, "@@x", "x\n"])
def test_what_can_be_no_name_is_refused(name: str) -> None:
    line = f"observers = [{msgspec.json.encode(name).decode()}]"
    with pytest.raises(ConfigError, match="observers"):
        parse(f"{STATION}[door]\n{line}\n")


# --- at the hub -----------------------------------------------------------------------------------


def hub_with(*methods: str) -> tuple[Hub, list[str]]:
    """A hub and the methods that were really called."""
    hub, called = Hub(), []
    Providers(hub, [1])

    def note(method: str) -> Callable[[Connection, Any, Reply], None]:
        def handle(_connection: Connection, _params: Any, reply: Reply) -> None:
            called.append(method)
            reply(True)

        return handle

    for method in methods:
        hub.register(method, note(method))
    return hub, called


@pytest.mark.parametrize("role", Role)
def test_a_role_calls_what_it_has_and_nothing_else(role: Role) -> None:
    methods = [m for m in served() if m not in ("provide", "publish")]
    hub, called = hub_with(*methods)
    peer = Peer(hub, role)
    for method in methods:
        peer.call(method)
    assert called == [m for m in methods if may_call(role, m)]
    refused = [m["error"]["code"] for m in peer.lines if "error" in m]
    assert set(refused) <= {jsonrpc.NOT_ALLOWED}


def test_a_refusal_says_which_role_one_has_and_which_would_do() -> None:
    hub, called = hub_with("evse_manager.pause_charging")
    peer = Peer(hub, Role.OBSERVER)
    answer = peer.call("evse_manager.pause_charging")
    assert answer is not None
    assert answer["error"]["message"] == (
        "evse_manager.pause_charging is not for the role observer, which you have: "
        "it is for ocpp, technician or admin"
    )
    assert answer["error"]["data"] == {
        "role": "observer",
        "needs": ["ocpp", "technician", "admin"],
    }
    assert called == []


def test_a_refused_notification_is_not_carried_out_either() -> None:
    hub, called = hub_with("evse_manager.pause_charging")
    peer = Peer(hub, Role.OBSERVER)
    peer.say(b'{"jsonrpc":"2.0","method":"evse_manager.pause_charging"}')
    assert (called, peer.lines) == ([], [])


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_an_admin_that_provides_is_no_admin_any_more(namespace: str) -> None:
    hub, called = hub_with("sim.plug_in", "history.delete_before")
    peer = Peer(hub, Role.ADMIN)
    assert peer.result("provide", {"namespace": namespace}) is True
    assert peer.connection.role is NAMESPACES[namespace]
    for method in ("sim.plug_in", "history.delete_before"):
        assert peer.error(method)[0] == jsonrpc.NOT_ALLOWED
    assert called == []


def test_the_ocpp_link_may_provide_all_that_it_serves() -> None:
    peer = Peer(hub_with()[0], Role.ADMIN)
    for namespace in ("auth_token_validator", "ocpp", "ocpp_1_6_charge_point"):
        assert peer.result("provide", {"namespace": namespace}) is True


def test_a_provider_can_not_become_the_validator_or_the_link() -> None:
    peer = Peer(hub_with()[0], Role.PROVIDER)
    for namespace in ("auth_token_validator", "ocpp"):
        code, message, field = peer.error("provide", {"namespace": namespace})
        assert (code, field) == (jsonrpc.NOT_ALLOWED, "namespace")
        assert message.endswith("it is by ocpp or admin")


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.TECHNICIAN])
def test_who_only_looks_or_repairs_provides_and_publishes_nothing(role: Role) -> None:
    peer = Peer(hub_with()[0], role)
    assert peer.error("provide", {"namespace": "ocpp"})[0] == jsonrpc.NOT_ALLOWED
    params = {"variable": "ocpp.is_connected", "value": True}
    assert peer.error("publish", params)[0] == jsonrpc.NOT_ALLOWED


def test_hello_tells_the_role_and_what_it_may_call() -> None:
    sim = station()
    assert sim.station is not None
    told = Peer(sim.station.hub, Role.OBSERVER).result("hello")
    assert (told["role"], told["interface"]) == ("observer", "present")
    assert told["methods"] == methods_of(Role.OBSERVER, sim.station.hub.methods)


# --- on a real socket -----------------------------------------------------------------------------


class Fixed(Access, frozen=True):
    """Gives everybody one role, and remembers whom."""

    role: Role | None = None
    seen: list[Credentials] = msgspec.field(default_factory=list)

    def role_of(self, peer: Credentials) -> Role | None:
        self.seen.append(peer)
        return self.role


def with_server(
    path: Path, given: Access | None, test: Callable[[Hub, DoorServer], Any], *, group: str = ""
) -> None:
    async def run() -> None:
        hub, _ = hub_with("evse_manager.get_id", "sim.plug_in")
        server = DoorServer(hub, path, access=given, group=group)
        await server.start()
        try:
            await test(hub, server)
        finally:
            await server.aclose()

    asyncio.run(run())


async def asked(path: Path, method: str) -> dict[str, Any]:
    """The first line that the door says."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    with contextlib.suppress(ConnectionError):
        writer.write(jsonrpc.request(1, method, {}))
    line = await reader.readline()
    writer.close()
    return dict(msgspec.json.decode(line))


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    one, other = socket.socketpair()
    with one, other:
        found = credentials(one)
    assert found.uid == os.getuid()
    assert {os.getgid(), *os.getgroups()} <= found.gids


def test_what_is_no_unix_socket_is_nobodys() -> None:
    with socket.socket(socket.AF_INET) as inet:
        assert credentials(inet).uid == NOBODY.uid


def test_the_user_of_the_core_is_admin_without_being_named(tmp_path: Path) -> None:
    async def test(_hub: Hub, server: DoorServer) -> None:
        assert (await asked(server.path, "sim.plug_in"))["result"] is True

    with_server(tmp_path / "d.sock", None, test)


def test_the_role_is_that_of_the_connecting_user(tmp_path: Path) -> None:
    given = Fixed(own_uid=-2, role=Role.OBSERVER)

    async def test(_hub: Hub, server: DoorServer) -> None:
        assert (await asked(server.path, "evse_manager.get_id"))["result"] is True
        refused = await asked(server.path, "sim.plug_in")
        assert refused["error"]["code"] == jsonrpc.NOT_ALLOWED

    with_server(tmp_path / "d.sock", given, test)
    assert {peer.uid for peer in given.seen} == {os.getuid()}


def test_a_stranger_is_told_so_and_takes_no_place(tmp_path: Path) -> None:
    async def test(hub: Hub, server: DoorServer) -> None:
        told = await asked(server.path, "evse_manager.get_id")
        assert told["error"]["code"] == jsonrpc.NOT_ALLOWED
        assert f"uid {os.getuid()} has no role here" in told["error"]["message"]
        assert (server.peers, hub.connections) == (set(), ())

    with_server(tmp_path / "d.sock", Fixed(own_uid=-2), test)


def test_a_stranger_who_speaks_too_late_still_reads_why(tmp_path: Path) -> None:
    """A process of its own: it writes when the door has long decided."""
    code = (
        "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "time.sleep(0.1); s.sendall(b'{}\\n'); print(s.recv(500).decode())"
    )

    async def test(_hub: Hub, server: DoorServer) -> None:
        stranger = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(server.path), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await stranger.communicate()
        assert b"has no role here" in said

    with_server(tmp_path / "d.sock", Fixed(own_uid=-2), test)


def test_only_so_many_strangers_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evse.door.server.READ_S", 60)

    async def test(_hub: Hub, server: DoorServer) -> None:
        crowd = [await asyncio.open_unix_connection(str(server.path)) for _ in range(MAX_PEERS + 9)]
        for reader, _writer in crowd:
            await reader.read()  # each has been told
        assert len(server.turned_away) == MAX_PEERS
        for _reader, writer in crowd:
            writer.close()

    with_server(tmp_path / "d.sock", Fixed(own_uid=-2), test)


def test_a_stranger_who_stays_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evse.door.server.READ_S", 0.01)

    async def test(_hub: Hub, server: DoorServer) -> None:
        reader, writer = await asyncio.open_unix_connection(str(server.path))
        await reader.read()
        while server.turned_away:  # noqa: ASYNC110 the server's turn
            await asyncio.sleep(0)
        writer.close()

    with_server(tmp_path / "d.sock", Fixed(own_uid=-2), test)


def test_a_crowd_of_observers_leaves_room_for_those_a_station_needs(tmp_path: Path) -> None:
    given = Fixed(own_uid=-2, role=Role.OBSERVER)
    crowd = MAX_PEERS - KEPT_PLACES

    async def test(_hub: Hub, server: DoorServer) -> None:
        peers = [await asyncio.open_unix_connection(str(server.path)) for _ in range(crowd)]
        while len(server.peers) < crowd:  # noqa: ASYNC110 the test's own patience is pytest's
            await asyncio.sleep(0)
        refused = await asked(server.path, "evse_manager.get_id")
        assert "the door is full" in refused["error"]["message"]
        server._access = Fixed(own_uid=-2, role=Role.OCPP)
        assert (await asked(server.path, "evse_manager.get_id"))["result"] is True
        for _, writer in peers:
            writer.close()

    with_server(tmp_path / "d.sock", given, test)


def test_the_socket_is_given_to_the_group(tmp_path: Path) -> None:
    gid = os.getgroups()[-1] if os.getgroups() else os.getgid()

    async def test(_hub: Hub, server: DoorServer) -> None:
        found = server.path.stat()
        assert (found.st_gid, found.st_mode & 0o777) == (gid, 0o660)

    with_server(tmp_path / "d.sock", None, test, group=str(gid))


def test_a_group_that_is_not_there_costs_the_group_and_not_the_station(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(_hub: Hub, server: DoorServer) -> None:
        assert (await asked(server.path, "evse_manager.get_id"))["result"] is True

    with_server(tmp_path / "d.sock", None, test, group="no-such-group-1")
    assert "can not be given to the group no-such-group-1" in caplog.text


@contextlib.contextmanager
def as_user(uid: int, gid: int, groups: list[int]) -> Iterator[None]:
    """Connect as somebody else; root may."""
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize(
    ("uid", "groups", "role"),
    [
        (4_001, [], Role.TECHNICIAN),
        (4_002, [5_001], Role.OBSERVER),
        (4_003, [5_001, 5_002], Role.OCPP),
        (4_004, [], None),
    ],
)
def test_another_user_has_the_role_of_its_uid_or_of_any_of_its_groups(
    uid: int, groups: list[int], role: Role | None
) -> None:
    given = Access(
        own_uid=0,
        members={
            Role.TECHNICIAN: Members(uids=frozenset({4_001})),
            Role.OBSERVER: Members(gids=frozenset({5_001})),
            Role.OCPP: Members(gids=frozenset({5_002})),
        },
    )

    async def test(hub: Hub, server: DoorServer) -> None:
        with socket.socket(socket.AF_UNIX) as peer:
            with as_user(uid, 6_000, [*groups, 6_000]):
                peer.connect(str(server.path))
            for _ in range(10):
                await asyncio.sleep(0)
            assert [c.role for c in hub.connections] == ([] if role is None else [role])

    with tempfile.TemporaryDirectory(prefix="door-") as directory:
        Path(directory).chmod(0o755)
        with_server(Path(directory) / "d.sock", given, test, group="6000")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_who_is_not_in_the_group_of_the_socket_can_not_even_connect() -> None:
    async def test(_hub: Hub, server: DoorServer) -> None:
        with (
            socket.socket(socket.AF_UNIX) as peer,
            as_user(4_001, 4_001, [4_001]),
            pytest.raises(PermissionError),
        ):
            peer.connect(str(server.path))

    with tempfile.TemporaryDirectory(prefix="door-") as directory:
        Path(directory).chmod(0o755)
        with_server(Path(directory) / "d.sock", None, test, group="6000")


def test_the_client_of_a_stranger_raises_why_it_was_not_let_in(tmp_path: Path) -> None:
    async def test(_hub: Hub, server: DoorServer) -> None:
        client = await DoorClient.connect(server.path)
        for _ in range(2):
            with pytest.raises(RpcError, match="has no role here"):
                await client.call("evse_manager.get_id")
            await client.closed()
        await client.aclose()

    with_server(tmp_path / "d.sock", Fixed(own_uid=-2), test)
