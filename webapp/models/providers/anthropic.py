"""The provider for Anthropic's Messages API."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from webapp.models.providers.anthropic_reply import AnthropicReader, models_of, reply_of
from webapp.models.providers.anthropic_request import body
from webapp.models.providers.base import Continuation, Embedded, Model, ModelRequest, ProviderError, Reply
from webapp.models.providers.provider_http import ProviderHttp, ReplyFormat
from webapp.models.providers.values import dict_of, name_of
from webapp.models.upstream import Upstream, base_address
from webapp.streaming.events import Event, Started, Usage
from webapp.streaming.stop import Stop

BASE_URL = "https://api.anthropic.com/v1"
VERSION = "2023-06-01"
REPLY_FORMAT = ReplyFormat("/messages", AnthropicReader, reply_of)
MOST_PAGES = 10


class AnthropicProvider:
    """Requests answers from Anthropic's Messages API.

    Current models reject a prefilled answer, so an answer is continued by `instruct` unless the connection sets `prefill`.
    """

    continuation: Continuation

    def __init__(
        self,
        api_key: str,
        upstream: Upstream,
        *,
        name: str = "anthropic",
        base_url: str = BASE_URL,
        continuation: Continuation = "instruct",
        **options: Any,
    ) -> None:
        self.name, self.continuation = name, "prefill" if continuation == "prefill" else "instruct"
        key = api_key.strip()
        headers = {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}
        self._http = ProviderHttp(_versioned(base_url), key, upstream, headers=headers, **options)

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        payload = body(request, self.continuation, is_streamed=True)
        return self._http.stream(payload, stop, REPLY_FORMAT, Started(request.model, self.name))

    def complete(self, request: ModelRequest, stop: Stop) -> Reply:
        """Returns the answer in one piece; raises `ProviderError` when `stop` is set before it is complete."""
        return self._http.complete(body(request, self.continuation, is_streamed=False), stop, REPLY_FORMAT)

    def embed(self, model: str, texts: Sequence[str], stop: Stop) -> Embedded:
        raise ProviderError("invalid", "Anthropic has no embedding models. Use a connection of another type for embeddings.")

    def models(self) -> Sequence[Model]:
        models: list[Model] = []
        after = ""
        for _ in range(MOST_PAGES):
            page = dict_of(self._http.get(f"/models?limit=1000{after}"))
            models += models_of(page)
            last = name_of(page.get("last_id"))
            if not (page.get("has_more") and last):
                break
            after = f"&after_id={quote(last, safe='')}"
        return tuple(models)

    def check_key(self) -> str:
        """Returns a confirmation that the key works; raises `ProviderError` for a bad one."""
        self._http.get("/models?limit=1")
        return f"{self._http.label} accepted the key."

    def settle(self, upstream_id: str) -> Usage | None:
        return None


def _versioned(url: str) -> str:
    """Appends the version to the base URL, which people omit, as Anthropic's own manuals do."""
    address = base_address(url)
    return address if address.endswith("/v1") else f"{address}/v1"
