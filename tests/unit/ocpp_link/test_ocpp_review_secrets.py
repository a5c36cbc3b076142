"""What a log must not show, however carelessly it was written, and what a disk must not lose."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from security_rig import PLAIN_KEY, secured

from ocpp_link.security.part import CREDENTIALS
from ocpp_link.wire.redaction import Redaction


@pytest.mark.parametrize(
    "location",
    [
        "ftp://user:s3cret@host/dir",
        "ftp://user:p@s3cret@host/dir",
        "ftp://user:p/s3cret@host/dir",
        "ftp://user:s3cret:s3cret@host",
        "first ftp://u:s3cret@h, then ftp://u:s3cret@h",
    ],
)
def test_a_password_in_a_url_that_nobody_escaped_is_hidden(location: str) -> None:
    shown = Redaction().value({"location": location})["location"]
    assert "s3cret" not in shown
    assert shown.startswith(location[:10])


@pytest.mark.parametrize("key", [" AuthorizationKey", "AuthorizationKey\t", "AUTHORIZATIONKEY "])
def test_a_key_with_blanks_around_it_names_a_secret_all_the_same(key: str) -> None:
    asked: list[Any] = [2, "1", "ChangeConfiguration", {"key": key, "value": "s3cret"}]
    assert "s3cret" not in str(Redaction().value(asked))


@pytest.mark.parametrize("pattern", ["a", "a://", "a://b:", "://:@", "\\u0061"])
def test_no_text_of_a_frame_takes_long_to_read(pattern: str) -> None:
    """A back office chooses the text; 60 000 characters of the former expression took seconds."""
    text = "@://" + pattern * (60_000 // len(pattern))
    began_s = time.process_time()
    Redaction().value({"data": text})
    assert time.process_time() - began_s < 0.5


def test_a01_a_key_that_the_disk_did_not_take_is_kept_once_it_can_be(tmp_path: Path) -> None:
    """Whitepaper A01.FR.03: the former one is not accepted any more after a restart."""
    rig = secured(tmp_path, profile=1, key=b"0123456789abcdef")
    in_the_way = tmp_path / f".{CREDENTIALS}.new"
    in_the_way.mkdir()
    assert rig.write("AuthorizationKey", PLAIN_KEY) == "Accepted"
    assert rig.again().access.endpoint().basic_auth_key == b"0123456789abcdef"
    in_the_way.rmdir()
    rig.run(120)
    assert rig.again().access.endpoint().basic_auth_key == PLAIN_KEY.encode()
