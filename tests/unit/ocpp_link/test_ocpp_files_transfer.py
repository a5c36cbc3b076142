"""Transfers against real servers on loopback: every protocol, both ways, and what goes wrong."""

from __future__ import annotations

import contextlib
import hashlib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_servers import (
    CREDENTIALS,
    PASSWORD,
    USER,
    FileServer,
    ftp_server,
    ftps_server,
    http_server,
    sftp_server,
    tls_identity,
)

from ocpp_link.files.jobs import Download, End, Job, Limits, Outcome, Trust, Upload
from ocpp_link.files.worker import Teller, run

CONTENT = bytes(range(256)) * 1_200
"""307 200 bytes: several chunks."""
QUICK = Limits(connect_timeout_s=5, idle_timeout_s=5, spare_bytes=0)


class _Quiet(Teller):
    def __call__(self, done: int, total: int = 0) -> None:
        """Says nothing."""


def do(job: Job) -> End:
    return run(job, _Quiet())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, FileServer]]:
    """One server of each protocol, for all tests of this file."""
    base = tmp_path_factory.mktemp("served")
    _root, identity = tls_identity(base)
    with contextlib.ExitStack() as stack:
        started = {}
        for scheme in ("http", "https", "ftp", "ftps", "sftp"):
            directory = base / scheme
            directory.mkdir()
            (directory / "image.bin").write_bytes(CONTENT)
            (directory / "logs").mkdir()
            server = {
                "http": lambda d: http_server(d),
                "https": lambda d: http_server(d, tls=identity, credentials=f"{USER}:{PASSWORD}"),
                "ftp": ftp_server,
                "ftps": lambda d: ftps_server(d, identity),
                "sftp": sftp_server,
            }[scheme](directory)
            started[scheme] = stack.enter_context(server)
        yield started


@pytest.fixture
def trust(served: dict[str, FileServer]) -> Trust:
    return Trust(system_roots=False, ca_files=(str(served["http"].directory.parent / "root.pem"),))


@pytest.fixture(params=["http", "https", "ftp", "ftps", "sftp"])
def server(request: pytest.FixtureRequest, served: dict[str, FileServer]) -> FileServer:
    found = served[request.param]
    found.faults.requests.clear()
    return found


def credentials(server: FileServer) -> str:
    return "" if server.scheme == "http" else CREDENTIALS


def test_8_1_firmware_is_downloaded_from_the_url_with_its_credentials(
    server: FileServer, trust: Trust, tmp_path: Path
) -> None:
    """OCPP 1.6 §8.1: every protocol of SupportedFileTransferProtocols; user and password stand
    percent-encoded in the URL."""
    url = server.url("image.bin", credentials=credentials(server))
    end = do(Download(url, str(tmp_path / "image"), trust, QUICK))
    assert end == End(Outcome.DONE, sha256=hashlib.sha256(CONTENT).hexdigest(), bytes=len(CONTENT))
    assert (tmp_path / "image").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["image"], "nothing partial stays"


def test_8_1_a_download_goes_on_where_it_was_cut_off(
    server: FileServer, trust: Trust, tmp_path: Path
) -> None:
    """OCPP 1.6 §8.1: what came is kept, asked for no second time, and the whole is right."""
    url = server.url("image.bin", credentials=credentials(server))
    job = Download(url, str(tmp_path / "image"), trust, QUICK)
    if server.scheme == "http":
        server.faults.cut_after = 100_000
        assert do(job).outcome is Outcome.UNREACHABLE
    else:
        assert do(job).outcome is Outcome.DONE
        server.faults.requests.clear()
        half = tmp_path / "image"
        half.rename(tmp_path / "image.part")
        with (tmp_path / "image.part").open("r+b") as part:
            part.truncate(100_000)
        stat = (server.directory / "image.bin").stat()
        tag = {
            "https": f'"{hash(CONTENT):x}"',
            "ftp": str(len(CONTENT)),
            "ftps": str(len(CONTENT)),
            "sftp": f"{len(CONTENT)} {int(stat.st_mtime)}",
        }[server.scheme]
        (tmp_path / "image.tag").write_text(tag)
    assert (tmp_path / "image.part").stat().st_size == 100_000
    assert not (tmp_path / "image").exists()
    end = do(job)
    assert end.sha256 == hashlib.sha256(CONTENT).hexdigest()
    offsets = {
        "http": "GET /image.bin",
        "https": "GET /image.bin",
        "ftp": "RETR image.bin 100000",
        "ftps": "RETR image.bin 100000",
        "sftp": "read 100000",
    }
    assert offsets[server.scheme] in server.faults.requests
    if server.scheme.startswith("http"):
        assert server.faults.headers[-1]["Range"] == "bytes=100000-"


def test_8_1_another_file_under_the_same_name_is_fetched_from_its_beginning(
    tmp_path: Path,
) -> None:
    """A part is gone on with only where its server names the same version of the file."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "image").write_bytes(CONTENT)
    with http_server(root) as server:
        job = Download(server.url("image"), str(tmp_path / "image"), limits=QUICK)
        server.faults.cut_after = 100_000
        assert do(job).outcome is Outcome.UNREACHABLE
        (root / "image").write_bytes(CONTENT[::-1])
        end = do(job)
    assert end.sha256 == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_6_25_a_log_is_put_into_the_directory_that_the_location_names(
    server: FileServer, trust: Trust, tmp_path: Path
) -> None:
    """OCPP 1.6 §6.25, §8.2: the location is a directory, with and without a slash at its end."""
    path = tmp_path / "log"
    path.write_bytes(CONTENT)
    for number, place in enumerate(("logs", "logs/")):
        url = server.url(place, credentials=credentials(server))
        end = do(Upload(url, str(path), f"log-{number}.gz", trust=trust, limits=QUICK))
        assert end == End(Outcome.DONE, bytes=len(CONTENT))
        assert (server.directory / "logs" / f"log-{number}.gz").read_bytes() == CONTENT


@pytest.mark.parametrize("scheme", ["ftp", "sftp"])
def test_n01_an_upload_goes_on_where_it_was_cut_off(
    served: dict[str, FileServer], scheme: str, tmp_path: Path
) -> None:
    """Whitepaper N01, error handling: resume, where the protocol can."""
    server = served[scheme]
    server.faults.requests.clear()
    (server.directory / "logs" / "cut.gz").write_bytes(CONTENT[:100_000])
    path = tmp_path / "log"
    path.write_bytes(CONTENT)
    url = server.url("logs", credentials=CREDENTIALS)
    assert do(Upload(url, str(path), "cut.gz", resume=True, limits=QUICK)).outcome is Outcome.DONE
    assert (server.directory / "logs" / "cut.gz").read_bytes() == CONTENT
    first = next(line for line in server.faults.requests if line.startswith(("STOR", "write")))
    assert first in ("STOR cut.gz 100000", "write 100000")


def test_a_file_that_is_not_there_is_named_so(
    server: FileServer, trust: Trust, tmp_path: Path
) -> None:
    """TC_044_2_CS: a download of what does not exist fails, and leaves nothing behind."""
    url = server.url("none.bin", credentials=credentials(server))
    end = do(Download(url, str(tmp_path / "image"), trust, QUICK))
    assert end.outcome is Outcome.NOT_FOUND
    assert not (tmp_path / "image").exists()


@pytest.mark.parametrize("scheme", ["https", "ftp", "ftps", "sftp"])
def test_n01_fr_10_wrong_credentials_are_told_from_other_failures(
    served: dict[str, FileServer], scheme: str, trust: Trust, tmp_path: Path
) -> None:
    """Whitepaper N01.FR.10: as precise as possible; and no password shows in the words."""
    (tmp_path / "log").write_bytes(b"x")
    url = served[scheme].url("logs", credentials="station:s3cret")
    end = do(Upload(url, str(tmp_path / "log"), "log", trust=trust, limits=QUICK))
    assert end.outcome is Outcome.REFUSED
    assert "s3cret" not in end.says


@pytest.mark.parametrize("scheme", ["https", "ftps"])
def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    served: dict[str, FileServer], scheme: str, tmp_path: Path
) -> None:
    """L01.FR.08: a secure protocol is only one that checks who is at the other end."""
    (tmp_path / "log").write_bytes(b"x")
    served[scheme].faults.requests.clear()
    url = served[scheme].url("logs", credentials=CREDENTIALS)
    end = do(Upload(url, str(tmp_path / "log"), "log", limits=QUICK))
    assert end.outcome is Outcome.UNTRUSTED
    assert served[scheme].faults.requests == []


def test_an_sftp_server_with_another_key_than_the_known_one_gets_nothing(
    served: dict[str, FileServer], tmp_path: Path
) -> None:
    server = served["sftp"]
    (tmp_path / "log").write_bytes(b"x")
    right = (server.directory.parent / "sftp_host_key.pub").read_text().split()[:2]
    wrong = ["ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIE" + "A" * 42]
    found = {}
    for name, key in {"right": right, "wrong": wrong}.items():
        hosts = tmp_path / name
        hosts.write_text(f"[127.0.0.1]:{server.port} {' '.join(key)}\n")
        url = server.url("logs", credentials=CREDENTIALS)
        trust = Trust(known_hosts=str(hosts))
        found[name] = do(Upload(url, str(tmp_path / "log"), "l", trust=trust, limits=QUICK)).outcome
    assert found == {"right": Outcome.DONE, "wrong": Outcome.UNTRUSTED}


def test_a_server_that_lets_nobody_put_is_offered_a_form(tmp_path: Path) -> None:
    """2.0.1 N01.FR.19, which 1.6 leaves open: POST with the file's name in the form."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "log").write_bytes(CONTENT)
    with http_server(root) as server:
        server.faults.put_allowed = False
        end = do(Upload(server.url("in"), str(tmp_path / "log"), "log.gz", limits=QUICK))
        assert end.outcome is Outcome.DONE
        assert server.faults.requests == ["POST /in"]
    assert (root / "log.gz").read_bytes() == CONTENT


def test_a_location_with_a_query_is_used_as_it_is(tmp_path: Path) -> None:
    """It was signed for exactly one request: a name behind it would break it."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "log").write_bytes(CONTENT)
    with http_server(root) as server:
        url = server.url("signed?sig=a%2Fb")
        assert do(Upload(url, str(tmp_path / "log"), "l", limits=QUICK)).outcome is Outcome.DONE
        assert server.faults.requests == ["PUT /signed?sig=a%2Fb"]
    assert (root / "signed").read_bytes() == CONTENT


def test_redirects_are_followed_and_bounded(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "image").write_bytes(CONTENT)
    with http_server(root) as server:
        path = str(tmp_path / "image")
        end = do(Download(server.url("elsewhere/image"), path, limits=QUICK))
        assert end.outcome is Outcome.DONE
        end = do(Download(server.url("loop"), path, limits=QUICK))
        assert end.outcome is Outcome.UNREACHABLE


def test_credentials_stay_with_their_server_and_tls_stays_tls(
    served: dict[str, FileServer], trust: Trust, tmp_path: Path
) -> None:
    """Whoever is redirected gives another server no password, and is not led to plain text."""
    path, secure = str(tmp_path / "image"), served["https"]
    with http_server(served["http"].directory) as other:
        url = served["http"].url(f"to/http/{other.port}/image.bin", credentials=CREDENTIALS)
        assert do(Download(url, path, trust, QUICK)).outcome is Outcome.DONE
        assert "Authorization" in served["http"].faults.headers[-1]
        assert "Authorization" not in other.faults.headers[-1]
        url = secure.url(f"to/http/{other.port}/image.bin", credentials=CREDENTIALS)
        assert do(Download(url, path, trust, QUICK)).outcome is Outcome.UNTRUSTED
        assert len(other.faults.requests) == 1
    url = secure.url(f"to/https/{secure.port}/image.bin", credentials=CREDENTIALS)
    assert do(Download(url, path, trust, QUICK)).outcome is Outcome.DONE


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (403, Outcome.REFUSED),
        (404, Outcome.NOT_FOUND),
        (500, Outcome.UNREACHABLE),
        (501, Outcome.UNSUPPORTED),
    ],
)
def test_what_a_server_answers_is_told_apart(status: int, outcome: Outcome, tmp_path: Path) -> None:
    """Whitepaper N01.FR.10."""
    (tmp_path / "log").write_bytes(b"x")
    with http_server(tmp_path) as server:
        server.faults.status = status
        end = do(Upload(server.url("in"), str(tmp_path / "log"), "log", limits=QUICK))
    assert end.outcome is outcome


def test_nobody_there_is_a_failure_in_words(tmp_path: Path) -> None:
    for scheme in ("http", "ftp", "sftp"):
        end = do(Download(f"{scheme}://127.0.0.1:9/x", str(tmp_path / "image"), limits=QUICK))
        assert end.outcome in (Outcome.UNREACHABLE, Outcome.FAILED)
        assert end.says


def test_what_is_too_large_is_not_fetched(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "image").write_bytes(CONTENT)
    with http_server(root) as server:
        small = Limits(max_bytes=1_000, spare_bytes=0)
        end = do(Download(server.url("image"), str(tmp_path / "image"), limits=small))
    assert end.outcome is Outcome.TOO_LARGE


def test_a_disk_without_room_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "image").write_bytes(CONTENT)
    with http_server(root) as server:
        greedy = Limits(spare_bytes=1 << 60)
        end = do(Download(server.url("image"), str(tmp_path / "image"), limits=greedy))
    assert end.outcome is Outcome.NO_SPACE


@contextlib.contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Says just this to whoever comes, whatever they want."""

    class Raw(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Raw) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/x"
        server.shutdown()
        thread.join(5)


OK = b"HTTP/1.1 200 OK\r\n"
PART = b"HTTP/1.1 206 Partial Content\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff\r\n\r\n",
        b"HTTP/1.1 999\r\n\r\n",
        b"HTTP/1.1 302 Found\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ftp://h/x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: many\r\n\r\nabc",
        OK + b"Content-Length: -3\r\n\r\nabc",
        OK + b"Content-Length: 99\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        PART + b"Content-Length: 3\r\n\r\nabc",
        PART + b"Content-Range: bytes 7-9/10\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=lambda answer: answer[:60].decode("latin1").replace("\r\n", " ") or "nothing",
)
def test_a_server_that_speaks_nonsense_gives_no_file(answer: bytes, tmp_path: Path) -> None:
    """Every one of them is a failure in words; none is a file, and none breaks the next attempt."""
    with raw_server(answer) as url:
        end = do(Download(url, str(tmp_path / "image"), limits=QUICK))
    assert end.outcome is not Outcome.DONE
    assert end.says
    assert not (tmp_path / "image").exists()


def test_a_part_that_its_server_can_not_go_on_with_is_given_up(tmp_path: Path) -> None:
    """416, or a smaller file than came before: the next attempt begins anew."""
    (tmp_path / "image.part").write_bytes(b"x" * 50)
    for answer in (
        b"HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n",
        PART + b"Content-Range: bytes 50-59/10\r\nContent-Length: 0\r\n\r\n",
    ):
        (tmp_path / "image.tag").write_text('"tag"')
        with raw_server(answer) as url:
            assert (
                do(Download(url, str(tmp_path / "image"), limits=QUICK)).outcome is not Outcome.DONE
            )
        assert (tmp_path / "image.part").read_bytes() == b""
