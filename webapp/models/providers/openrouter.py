"""The provider for OpenRouter, which reports costs during and after an answer."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.models.providers.base import ModelRequest
from webapp.models.providers.openai import OpenAIProvider, OpenAIReader, reply_of
from webapp.models.providers.provider_http import ReplyFormat
from webapp.models.providers.values import charged, cost_of, count_of, id_of, name_of
from webapp.models.upstream import Upstream
from webapp.streaming.events import Usage

BASE_URL = "https://openrouter.ai/api/v1"
HOST = "openrouter.ai"


def known_from(headers: Mapping[str, str]) -> Usage:
    """Returns the answer's id, without which the cost of an answer that fails before its first chunk can't be queried."""
    return Usage(upstream_id=id_of(headers.get("X-Generation-Id")))


# Another server at this connection's address knows no answer by its id, unless it says one as OpenRouter does.
ELSEWHERE = ReplyFormat("/chat/completions", OpenAIReader, reply_of, known_from)


class OpenRouterProvider(OpenAIProvider):
    """Requests answers from OpenRouter, which reports usage and cost with every answer.

    `referer` and `title` name the requesting application on OpenRouter's pages.
    """

    reply_format = ReplyFormat(
        "/chat/completions", partial(OpenAIReader, keeps_id=True), partial(reply_of, keeps_id=True), known_from
    )

    def __init__(
        self,
        api_key: str,
        upstream: Upstream,
        *,
        name: str = "openrouter",
        base_url: str = BASE_URL,
        referer: str = "",
        title: str = "Millrace",
        **options: Any,
    ) -> None:
        # X-Title is the older name, which some relays still expect.
        named = {"HTTP-Referer": referer, "X-OpenRouter-Title": title, "X-Title": title}
        headers = {header: value for header, value in named.items() if value}
        super().__init__(name, base_url, api_key, upstream, headers=headers, **options)
        if self._http.host != HOST:
            self.reply_format = ELSEWHERE

    def check_key(self) -> str:
        # The list of models is public, so it proves nothing about a key.
        about = dict_of(dict_of(self._http.get("/key")).get("data"))
        credit = cost_of(about.get("limit_remaining"))
        rest = f" It has {Decimal(credit):.2f} US dollars left." if credit is not None else ""
        return f"{self._http.label} accepted the key.{rest}"

    def settle(self, upstream_id: str) -> Usage | None:
        """Returns the final usage of a stopped or failed answer; None until OpenRouter knows it."""
        about = dict_of(self._http.found(f"/generation?id={quote(upstream_id, safe='')}")).get("data")
        return _settled(about, upstream_id) if isinstance(about, dict) else None

    def body(self, request: ModelRequest, *, is_streamed: bool) -> JsonObject:
        payload = super().body(replace(request, effort=""), is_streamed=is_streamed)
        payload.pop("stream_options", None)
        if request.effort:
            # OpenRouter drops it for models without that parameter.
            payload["reasoning"] = {"effort": request.effort}
        if request.schema and not is_streamed:
            # The plugin works only for answers that are not streamed.
            payload["plugins"] = [{"id": "response-healing"}]
        return payload


def _settled(about: Mapping[str, Any], upstream_id: str) -> Usage:
    cost = charged(about.get("total_cost"), about.get("upstream_inference_cost"), is_own_key=about.get("is_byok"))
    return Usage(_tokens(about, "prompt"), _tokens(about, "completion"), cost, name_of(about.get("model")), upstream_id)


def _tokens(about: Mapping[str, Any], kind: str) -> int | None:
    """Returns the count in the model's native tokens, which the usage of an answer counts and which are charged."""
    native = count_of(about.get(f"native_tokens_{kind}"))
    return count_of(about.get(f"tokens_{kind}")) if native is None else native
