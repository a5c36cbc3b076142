"""The bench's own ear: torn lines, answers out of turn, silence, a peer that goes."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.bench.door import BenchDoor
from hil.errors import BenchTimeout, DutRefused


class Far:
    """The other end, spoken by hand."""

    def __init__(self, directory: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(directory / "d.sock"))
            listener.listen(1)
            self.door = BenchDoor(directory / "d.sock")
            self.wire, _ = listener.accept()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.door.on_notification = lambda method, params: self.heard.append((method, params))


@pytest.fixture
def far() -> Iterator[Far]:
    with tempfile.TemporaryDirectory(prefix="bd-") as directory:
        far = Far(Path(directory))
        yield far
        far.door.close()
        far.wire.close()


def test_an_answer_is_found_among_notifications(far: Far) -> None:
    far.wire.sendall(b'{"method":"v","params":{"value":1}}\n{"id":1,"result":[2]}\n{"method":"v",')
    assert far.door.call("m", within_s=5) == [2]
    assert far.heard == [("v", {"value": 1})]
    far.wire.sendall(b'"params":{"value":3}}\n')
    far.door.hear()
    assert far.heard[1:] == [("v", {"value": 3})], "the torn line was put together"
    assert far.wire.recv(1_000) == b'{"jsonrpc":"2.0","id":1,"method":"m","params":{}}\n'


def test_an_error_is_raised_with_all_it_says(far: Far) -> None:
    far.wire.sendall(b'{"id":1,"error":{"code":-1,"message":"no","data":{"field":"x"}}}\n')
    with pytest.raises(DutRefused, match="m: no") as refused:
        far.door.call("m", within_s=5)
    assert refused.value.error["data"] == {"field": "x"}


def test_silence_ends(far: Far) -> None:
    with pytest.raises(BenchTimeout, match=r"m was not answered within 0\.01 s"):
        far.door.call("m", within_s=0.01)


def test_a_peer_that_goes_is_told(far: Far) -> None:
    far.wire.close()
    with pytest.raises(ConnectionError):
        far.door.hear()


def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(OSError, match="No such file"):
        BenchDoor(Path("/nonexistent/d.sock"))
