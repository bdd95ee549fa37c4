"""Helpers for tests of embeddings: an upstream that embeds, and waiting for the state of a collection's vectors."""

from collections.abc import Callable
from typing import Any

from tests.knowledge.conftest import Shelf
from tests.support.waiting import seen
from tests.upstream.handle import Upstream

AT = "/embeddings"
MODEL = "some/vectors"
OTHER = "other/vectors"


def embeds(fake: Upstream, dimensions: int | dict[str, int] = 256, **how: Any) -> None:
    """Makes the upstream return vectors with this many dimensions; a dict sets the number for each model."""
    fake.always({"embeds": dimensions, **how}, at=AT)


def chosen(owners_shelf: Shelf, model: str = MODEL) -> None:
    """Sets the team's embedding model."""
    owners_shelf.program.said("PUT", "/settings/knowledge.embedding_model", 200, {"value": model})


def said(shelf: Shelf, collection: str, is_so: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Returns the state of a collection's embedding once `is_so` accepts it."""
    return dict(seen(lambda: shelf.program.get(f"/collections/{collection}")["embedding"], is_so))


def is_ready(found: dict[str, Any]) -> bool:
    return bool(found["state"] == "ready")


def ranks(shelf: Shelf, question: str, **query: str) -> list[tuple[str, int | None, int | None]]:
    """Returns the passages found, best first, as title, keyword rank and vector rank."""
    found = shelf.program.get("/search", query={"q": question, **query})["passages"]
    return [(hit["title"], hit["keyword_rank"], hit["vector_rank"]) for hit in found]
