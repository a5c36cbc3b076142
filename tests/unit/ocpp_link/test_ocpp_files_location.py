"""Locations: what a back office's URL means, and what of it may be seen."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocpp_link.files.errors import FileError, LocationInvalid, ProtocolUnsupported
from ocpp_link.files.location import PORTS, Location, parse

PRINTABLE = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f"), max_size=20)


def test_8_1_user_password_and_port_may_be_left_out() -> None:
    """OCPP 1.6 §8.1."""
    whole = parse("ftp://user:p%40ss@host:2121/dir/file")
    assert (whole.user, whole.password, whole.host, whole.port) == ("user", "p@ss", "host", 2121)
    assert parse("ftp://host/dir/file").port == 21
    assert parse("https://host").path == "/"


def test_paths_are_relative_in_ftp_and_absolute_in_sftp() -> None:
    """RFC 1738 §3.2.2 for FTP; what every SFTP client does for SFTP."""
    assert parse("ftp://host/dir/a%20b").ftp_path == "dir/a b"
    assert parse("ftp://host/%2Fdir/a").ftp_path == "/dir/a"
    assert parse("sftp://host/dir/a").sftp_path == "/dir/a"
    assert parse("sftp://host/~/dir/a").sftp_path == "dir/a"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "http:///path",
        "http://ho st/path",
        "http://host:port/",
        "http://[::1/",
        "ftp://host/a%0d%0aDELE b",
        "ftp://us%0aer@host/",
        "http://host/" + "a" * 3_000,
    ],
)
def test_what_names_no_place_is_refused(url: str) -> None:
    """A line break that is hidden in a path would be another command of FTP."""
    with pytest.raises((LocationInvalid, ProtocolUnsupported)):
        parse(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://host/", "/just/a/path"])
def test_other_protocols_are_refused(url: str) -> None:
    with pytest.raises(ProtocolUnsupported):
        parse(url)


@given(st.sampled_from(sorted(PORTS)), PRINTABLE, PRINTABLE, st.text(max_size=20))
def test_no_secret_shows_and_every_part_survives(
    scheme: str, user: str, password: str, query: str
) -> None:
    """Credentials are percent-encoded in a URL; no text that people see repeats them."""
    secret = f"{password}S3CRET"
    url = f"{scheme}://{quote(user, safe='')}:{quote(secret, safe='')}@host/p?{quote(query)}SIG"
    location = parse(url)
    assert (location.user, location.password) == (user, secret)
    for shown in (str(location), repr(location), repr([location])):
        assert "S3CRET" not in shown
        assert "SIG" not in shown


@given(st.text(max_size=60))
def test_any_text_is_a_location_or_an_error_of_this_room(url: str) -> None:
    with contextlib.suppress(FileError):
        assert isinstance(parse(url), Location)


@given(st.text(st.sampled_from("ab./ %?#é"), min_size=1, max_size=12))
def test_a_name_stays_one_name_in_its_directory(name: str) -> None:
    """Whatever it holds, the file lands in the directory that was named; slashes apart, which no
    name of ours has."""
    name = name.replace("/", "_")
    assert parse("sftp://host/dir/").file(name).sftp_path == f"/dir/{name}"
