"""Which addresses are allowed for outgoing requests: as written, and as resolved."""

import pytest

from webapp.models.upstream import base_address
from webapp.models.upstream.addresses import is_allowed
from webapp.streaming.failure import ProviderError

PUBLIC = ["8.8.8.8", "104.18.2.115", "2606:4700::6812:273", "2a00:1450:4001::200e"]
PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.7", "172.16.0.1", "192.168.1.20", "100.64.0.1", "0.0.0.0"),
    *(
        "::1",
        "::",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
        "::127.0.0.1",
    ),
]
NEVER = [
    *("169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1"),
    *("fe80::1", "fe80::1%eth0", "febf::1", "ff02::1"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::ffff:100.100.100.200"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_for_everybody(address: str) -> None:
    assert is_allowed(address, "public")
    assert is_allowed(address, "operator")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_operators(address: str) -> None:
    assert not is_allowed(address, "public")
    assert is_allowed(address, "operator")


@pytest.mark.parametrize("address", NEVER)
def test_metadata_addresses_are_for_nobody(address: str) -> None:
    assert not is_allowed(address, "public")
    assert not is_allowed(address, "operator")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        (" http://localhost:11434/v1/ ", "http://localhost:11434/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(written: str, meant: str) -> None:
    assert base_address(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        *("", "openrouter.ai", "/api/v1", "ftp://example.com", "file:///etc/passwd", "http://", "https:///v1", "http://:80"),
        *("http://me:secret@example.com", "http://me@example.com", "http://@example.com", "http://example.com:0"),
        *("http://example.com/?key=1", "http://example.com/#v1", "http://example.com?", "http://exam ple.com", "http://a\\b"),
        *("http://example.com:port", "http://[::1", "http://example.com/\r\nHost: other", "http://example.com/\tv1"),
    ],
)
def test_what_is_no_address_is_refused_in_words(written: str) -> None:
    with pytest.raises(ProviderError) as refused:
        base_address(written)

    assert refused.value.code == "invalid"
    assert refused.value.message.endswith(".")
    assert "secret" not in refused.value.message


def test_an_address_is_bounded_before_its_parts_are_looked_for() -> None:
    """Normalizing a host's combining marks takes quadratic time, so the length is checked first."""
    with pytest.raises(ProviderError, match="longer than 4,000 characters"):
        base_address("http://a" + "\u0315\u0300" * 100_000)
