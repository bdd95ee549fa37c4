"""Models to choose from, found by the words of their names and ids: never more than a page shows."""

from webapp.connections.models import matching, providers


def models(text: str, limit: int) -> list[tuple[str, str]]:
    """Ids, with names."""
    return [(each.id, each.name) for each in matching(providers().offered(), text)[:limit]]
