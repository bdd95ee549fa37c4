"""Provider types: defaults, permitted addresses, and how to build a provider from a connection."""

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from webapp.base.config import Config
from webapp.base.errors import Invalid
from webapp.models.connections.effective import LiveConnection
from webapp.models.providers.anthropic import AnthropicProvider
from webapp.models.providers.base import Continuation, Provider, ProviderError
from webapp.models.providers.openai import OpenAIProvider
from webapp.models.providers.openrouter import OpenRouterProvider
from webapp.models.providers.reasoning import Mode
from webapp.models.upstream import Trust, Upstream, base_address
from webapp.models.upstream.addresses import is_allowed

HOST = re.compile(r"[\w.:-]+")
MOST_CHARACTERS = 300
ONLY_PUBLIC = "Your own connections must have a public address. An admin can connect servers in this network for everyone."


@dataclass(frozen=True)
class ProviderType:
    """A type of provider; `base_url` is its usual address, and `needs_key` means that it works only with a key."""

    title: str
    base_url: str
    needs_key: bool


KINDS: Mapping[str, ProviderType] = {
    "openrouter": ProviderType("OpenRouter", "https://openrouter.ai/api/v1", True),
    "openai": ProviderType("OpenAI-compatible", "https://api.openai.com/v1", False),
    "anthropic": ProviderType("Anthropic", "https://api.anthropic.com/v1", True),
}


@dataclass(frozen=True)
class ReadingPace:
    """How a provider reads a stream: bytes per read, how long it waits for the first byte, and how long a beat is."""

    read_size: int
    first_byte_seconds: float
    beat_seconds: float


def address_of(text: str, trust: Trust = "operator") -> str:
    """Returns the normalized address of an API; raises `Invalid` for metadata ones and, unless from an operator, private ones.

    A name can turn out to be private later: each request checks the address that it resolves to.
    """
    if "://" not in text:
        raise Invalid(_without_scheme(text.strip()), field="base_url")
    try:
        address = base_address(text)
    except ProviderError as error:
        raise Invalid(str(error), field="base_url") from error
    host = urlsplit(address).hostname or ""
    if not HOST.fullmatch(host) or len(address) > MOST_CHARACTERS:
        raise Invalid("That isn't a valid server address.", field="base_url")
    if (number := _number(host)) and not is_allowed(number, "operator"):
        raise Invalid(
            "That address is reserved for cloud metadata or link-local use, so Millrace never connects to it.", field="base_url"
        )
    if trust == "public" and (host == "localhost" or (number and not is_allowed(number, trust))):
        raise Invalid(ONLY_PUBLIC, field="base_url")
    return address


def _without_scheme(text: str) -> str:
    """Returns what is wrong with an address that begins with its host, and how it should be, as far as that is certain."""
    host = text.partition("/")[0].partition(":")[0]
    if not HOST.fullmatch(host):
        return "An address must start with http:// or https:// and include a host."
    scheme = "http" if host == "localhost" or "." not in host or _number(host) else "https"
    return f"An address must start with http:// or https://. Did you mean {scheme}://{text}?"


def provider(
    connection: LiveConnection, config: Config, upstream: Upstream, pace: ReadingPace, modes: Mapping[str, Mode] | None = None
) -> Provider:
    """Builds the provider of a connection; `modes` has the models whose reasoning tags differ from the connection's."""
    options: dict[str, Any] = {
        "name": connection.slug,
        "base_url": connection.base_url,
        "label": connection.name,
        "continuation": cast(Continuation, connection.continuation),
        "trust": connection.trust,
        "read_size": pace.read_size,
        "first_byte_seconds": pace.first_byte_seconds,
        "beat_seconds": pace.beat_seconds,
    }
    key = connection.key.text
    if connection.kind == "anthropic":
        return AnthropicProvider(key, upstream, **options)
    options |= {"reasoning_tags": cast(Mode, connection.reasoning_tags), "modes": modes}
    if connection.kind == "openrouter":
        named = {"referer": config.openrouter_http_referer, "title": config.openrouter_x_title or "Millrace"}
        return OpenRouterProvider(key, upstream, **named, **options)
    return OpenAIProvider(api_key=key, upstream=upstream, **options)


def _number(host: str) -> str:
    """Returns the IP address that a host denotes, in any notation that systems accept; empty for a name."""
    # Includes 2852039166, 0xa9.254.1 and the like, which resolve without a DNS query.
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    with suppress(OSError):
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
    return ""
