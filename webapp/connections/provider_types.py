"""Provider types: defaults, permitted addresses, and how a provider is made of a connection."""

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from webapp.config import Config
from webapp.connections.effective import LiveConnection
from webapp.errors import Invalid
from webapp.providers.anthropic import AnthropicProvider
from webapp.providers.base import Continuation, Provider, ProviderError
from webapp.providers.openai import OpenAIProvider
from webapp.providers.openrouter import OpenRouterProvider
from webapp.providers.thinking import Mode
from webapp.upstream import Upstream, base_address
from webapp.upstream.addresses import is_allowed

HOST = re.compile(r"[\w.:-]+")
MOST_CHARACTERS = 300


@dataclass(frozen=True)
class Kind:
    """`base_url` is where it usually is; `needs_key` says that nothing works without one."""

    title: str
    base_url: str
    needs_key: bool


KINDS: Mapping[str, Kind] = {
    "openrouter": Kind("OpenRouter", "https://openrouter.ai/api/v1", True),
    "openai": Kind("OpenAI-compatible", "https://api.openai.com/v1", False),
    "anthropic": Kind("Anthropic", "https://api.anthropic.com/v1", True),
}


@dataclass(frozen=True)
class Pace:
    """How patiently a provider reads."""

    read_size: int
    first_byte_seconds: float
    beat_seconds: float


def address_of(text: str) -> str:
    """The address of an API as an admin may set it: also on this machine or in its network, never a metadata one."""
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
    return address


def provider(
    connection: LiveConnection, config: Config, upstream: Upstream, pace: Pace, modes: Mapping[str, Mode] | None = None
) -> Provider:
    """Who answers on this connection; `modes` says which of its models differ from it in how they send their reasoning."""
    options: dict[str, Any] = {
        "name": connection.slug,
        "base_url": connection.base_url,
        "label": connection.name,
        "continuation": cast(Continuation, connection.continuation),
        "trust": "operator",
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
    """The IP address that is written here, in whichever way systems understand; empty for a name."""
    # Also 2852039166, 0xa9.254.1 and the like, which are resolved without asking anybody.
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    with suppress(OSError):
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host.partition("%")[0]))
    return ""
