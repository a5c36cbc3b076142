"""The link's process with its real workers, installer and file servers, on loopback."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import msgspec
import pytest
from file_servers import http_server
from ocpp.v16 import call
from ocpp_bench import bench, run, until

from evse.config.load import parse
from evse.config.station import StationConfig
from evse.run.ocpp import link_config
from ocpp_link.config import FrameLogConfig
from ocpp_link.files import installer
from ocpp_link.files.config import FilesConfig
from ocpp_link.files.jobs import Trust
from ocpp_link.files.package import pack
from ocpp_link.files.ports import Sources
from ocpp_link.ports import RestartKind

STATION = "CP 1/a"


def release(base: Path, version: str) -> Path:
    tree = base / f"tree-{version}"
    tree.mkdir()
    (tree / "program").write_text(version)
    pack(tree, version, base / f"{version}.pkg")
    return base / f"{version}.pkg"


def test_diagnostics_come_from_the_process_to_a_server(tmp_path: Path) -> None:
    """TC_045_1_CS through every real part: what is uploaded holds the frames of the link itself."""
    root = tmp_path / "server"
    root.mkdir()
    files = FilesConfig(
        directory=tmp_path / "files",
        sources=Sources(journal=str(tmp_path / "none.db"), configuration="{}"),
    )
    log = FrameLogConfig(path=tmp_path / "frames.jsonl")

    async def test() -> None:
        with http_server(root) as server:
            async with bench(tmp_path, files=files, frame_log=log) as b:
                await until(lambda: b.brain.statuses.get(1) == "Available")
                b.process._frames.flush()
                answer = await b.csms.call(STATION, call.GetDiagnostics(location=server.url()))
                name = answer.file_name
                sent = "DiagnosticsStatusNotification"
                await until(lambda: len(b.brain.sent(sent)) == 2)
                statuses = [payload["status"] for payload in b.brain.sent(sent)]
                assert statuses == ["Uploading", "Uploaded"]
                packed = gzip.decompress((root / name).read_bytes())
                with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                    found = {m.name: tar.extractfile(m).read() for m in tar}
                assert b"BootNotification" in found["frames.jsonl"]
                assert b"can not be read" in found["journal.jsonl"]
                assert msgspec.json.decode(found["versions.json"])["station"]["model"] == "Bench"
                await until(lambda: list((tmp_path / "files").iterdir()) == [])

    run(test)


def test_firmware_goes_from_a_server_to_a_restart_and_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TC_044_1_CS through every real part, but for the code that the release would be."""
    server_root, root = tmp_path / "server", tmp_path / "releases"
    server_root.mkdir()
    release(server_root, "2.0")
    (root / "releases" / "1.0").mkdir(parents=True)
    (root / "current").symlink_to("releases/1.0")
    monkeypatch.setattr(installer, "CODE", root / "current" / "program")
    files = FilesConfig(directory=tmp_path / "files", releases=root)
    sent = "FirmwareStatusNotification"

    async def test() -> None:
        with http_server(server_root) as server:
            async with bench(tmp_path, files=files) as b:
                await until(lambda: b.brain.statuses.get(1) == "Available")
                url = server.url("2.0.pkg")
                update = call.UpdateFirmware(location=url, retrieve_date="2026-01-01T00:00:00Z")
                await b.csms.call(STATION, update)
                assert await b.process.restart is RestartKind.APPLICATION
                assert installer.next_start(root) == "2.0"
                await b.stop_link()
                b.link()
                await until(lambda: len(b.brain.sent(sent)) == 4)
                statuses = [payload["status"] for payload in b.brain.sent(sent)]
                assert statuses == ["Downloading", "Downloaded", "Installing", "Installed"]
                await until(lambda: not (root / "trial.json").exists())

    run(test)


def station(text: str) -> StationConfig:
    shown = (
        '[station]\nidentity = "TEST-1"\n[board]\nkind = "simulated"\n[[evse]]\nid = 1\n'
        'evse_id = "DE*PNX*E0001*1"\nconnector = "cable"\nmax_current_a = 16.0\n'
        '[authorization]\nmode = "ocpp"\n[ocpp]\nurl = "ws://127.0.0.1:9/ocpp"\n'
    )
    return parse(shown + text, "station.toml")


def test_the_configuration_names_releases_and_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "CODE", tmp_path / "releases" / "7.1" / "program.py")
    table = f"""[ocpp.files]
releases = "{tmp_path}"
package_key_file = "/etc/pievse/package.pem"
unsigned_firmware = true
system_roots = false
ca_files = ["/etc/pievse/root.pem"]
known_hosts_file = "/etc/pievse/known_hosts"
"""
    link = link_config(station(table), state_dir=tmp_path, door=tmp_path / "door")
    files = link.files
    assert files is not None
    assert (files.releases, files.package_key) == (tmp_path, "/etc/pievse/package.pem")
    assert files.unsigned_firmware
    assert files.trust == Trust(
        system_roots=False,
        ca_files=("/etc/pievse/root.pem",),
        known_hosts="/etc/pievse/known_hosts",
    )
    assert link.station.firmware == "7.1", "the release that runs is what the back office hears of"


def test_without_releases_the_back_office_can_update_nothing(tmp_path: Path) -> None:
    """And its configuration goes into a bundle."""
    link = link_config(station(""), state_dir=tmp_path, door=tmp_path / "door")
    assert link.files is not None
    assert link.files.releases is None
    assert "TEST-1" in link.files.sources.configuration
