"""Decides which cases of a parametrized test are quick, slow or deep, whatever order they run in."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        for name in ("slow", "deep"):
            if (mark := item.get_closest_marker(f"mostly_{name}")) and is_later(item, *mark.args):
                item.add_marker(name)


def is_later(item: pytest.Function, first: int = 1) -> bool:
    """Whether any of a case's parameters has a value beyond its first ones."""
    return max(item.callspec.indices.values()) >= first
