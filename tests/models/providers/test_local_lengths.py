"""What local servers tell of contexts besides their list."""

from typing import Any

import pytest

from webapp.models.providers.local_lengths import with_lengths
from webapp.models.providers.openai import models_of


def listing(owner: str, *ids: str, **more: Any) -> dict[str, Any]:
    return {"data": [{"id": id, "owned_by": owner, **more} for id in ids]}


LLAMA_CPP = {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}
LOADED = {"id": "one", "loaded_context_length": 8192, "max_context_length": 131_072}
LM_STUDIO = {"data": [LOADED, {"id": "two", "max_context_length": 32_768}]}
OLLAMA = {"models": [{"name": "one", "context_length": 4096}]}
CASES = [
    # What was started counts, not what the model was trained for.
    (listing("llamacpp", "/models/one.gguf", meta={"n_ctx_train": 131_072}), "/props", LLAMA_CPP, [4096]),
    (listing("llamacpp", "/models/one.gguf", meta={"n_ctx_train": 131_072}), "/props", None, [131_072]),
    (listing("organization_owner", "one", "two", "three"), "/api/v0/models", LM_STUDIO, [8192, 32_768, None]),
    (listing("library", "one", "two"), "/api/ps", OLLAMA, [4096, None]),
    (listing("library", "one"), "/api/ps", {"models": [{"name": "one", "context_length": "many"}]}, [None]),
    (listing("me", "one"), "", None, [None]),
    (listing("vllm", "one", max_model_len=2048), "", None, [2048]),
]


@pytest.mark.parametrize(("listed", "path", "told", "lengths"), CASES)
def test_a_local_server_is_asked_for_what_its_list_lacks(listed: Any, path: str, told: Any, lengths: list[int | None]) -> None:
    asked = list[str]()

    def beside(path: str) -> Any:
        asked.append(path)
        return told

    models = with_lengths(models_of(listed), listed, beside)

    assert [model.context_length for model in models] == lengths
    assert asked == ([path] if path else [])
