"""OpenRouter: one key for many models, with what an answer has cost."""

from decimal import Decimal
from typing import Any

from webapp.providers.base import ModelRequest
from webapp.providers.openai import OpenAIProvider
from webapp.providers.openai_reply import cost_of
from webapp.upstream import Upstream

BASE_URL = "https://openrouter.ai/api/v1"


class OpenRouterProvider(OpenAIProvider):
    """`referer` and `title` say on OpenRouter's pages which application asked; usage and cost come with every answer."""

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
        # X-Title is the older name, which some relays still wait for.
        named = {"HTTP-Referer": referer, "X-OpenRouter-Title": title, "X-Title": title}
        headers = {header: value for header, value in named.items() if value}
        super().__init__(name, base_url, api_key, upstream, headers=headers, **options)

    def check_key(self) -> str:
        # The list of models is public, so it says nothing about a key.
        answer = self._get("/key").value
        about = answer.get("data") if isinstance(answer, dict) else None
        left = cost_of(about.get("limit_remaining")) if isinstance(about, dict) else None
        rest = f" It may still spend {Decimal(left):.2f} US dollars." if left is not None else ""
        return f"{self._host} accepts the key.{rest}"

    def body(self, request: ModelRequest, *, is_streamed: bool) -> dict[str, Any]:
        asked = super().body(request, is_streamed=is_streamed)
        asked.pop("stream_options", None)
        if effort := asked.pop("reasoning_effort", ""):
            asked["reasoning"] = {"effort": effort}
        return asked
