"""Which addresses can be requested at all, by URL and by resolved IP address. Pure."""

import ipaddress
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from webapp.streaming.failure import ProviderError

Trust = Literal["operator", "public"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Python normalises the combining characters of a host in quadratic time.
MOST_CHARS = 4_000
NO_ADDRESS = "An address must start with http:// or https:// and include a host."

# Link-local addresses and the metadata services of clouds, which give out keys: never an upstream, not even for operators.
LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
ALIBABA, AZURE, ORACLE_CLASSIC = "100.100.100.200", "168.63.129.16", "192.0.0.192"
AMAZON, GOOGLE, ORACLE, SCALEWAY = "fd00:ec2::/32", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"
CLOUDS = (ALIBABA, AZURE, ORACLE_CLASSIC, AMAZON, GOOGLE, ORACLE, SCALEWAY)
NEVER = tuple(ipaddress.ip_network(block) for block in (*LINK_LOCAL, *CLOUDS))
# IPv6 ranges that contain an IPv4 address in their last 32 bits: compatible, mapped, translated (NAT64).
CARRIERS = tuple(ipaddress.IPv6Network(block) for block in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))


def base_address(url: str) -> str:
    """Returns the URL of an API without its last slash; raises `ProviderError` with a sentence if it is none."""
    if "?" in url or "#" in url:
        raise ProviderError("invalid", "An API address can't contain “?” or “#”.")
    parts_of(url.strip())
    return url.strip().rstrip("/")


def is_allowed(address: str, trust: Trust) -> bool:
    """Returns whether connecting to this IP address is allowed: metadata services never, private ones only to operators."""
    ip = _carried(ipaddress.ip_address(address.partition("%")[0]))
    if ip.is_multicast or any(ip.version == block.version and ip in block for block in NEVER):
        return False
    return trust == "operator" or (ip.is_global and not ip.is_reserved and not getattr(ip, "is_site_local", False))


def parts_of(url: str) -> SplitResult:
    """Splits a URL that can be requested; raises `ProviderError` with a sentence for any other."""
    if len(url) > MOST_CHARS:
        raise ProviderError("invalid", f"The address is longer than {MOST_CHARS:,} characters.")
    if not url.isprintable() or " " in url or "\\" in url:
        raise ProviderError("invalid", "The address contains invalid characters.")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ProviderError("invalid", NO_ADDRESS) from None
    if not is_address:
        raise ProviderError("invalid", NO_ADDRESS)
    if "@" in parts.netloc:
        raise ProviderError("invalid", "An address can't contain a user name or password. Use the key field instead.")
    return parts


def _carried(ip: Address) -> Address:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.sixtofour:
        return ip.sixtofour
    if int(ip) > 1 and any(ip in block for block in CARRIERS):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
