"""Searches models by words of their names and ids, for pickers; returns no more than a page shows."""

from webapp.connections.models import matching, providers


def models(text: str, limit: int) -> list[tuple[str, str]]:
    """Returns ids, with names as labels."""
    return [(each.id, each.name) for each in matching(providers().offered(), text)[:limit]]
