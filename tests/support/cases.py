"""Which cases of a test are quick, slow or deep, in whatever order they run."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        for name in ("slow", "deep"):
            if (mark := item.get_closest_marker(f"mostly_{name}")) and is_later(item, *mark.args):
                item.add_marker(name)


def is_later(item: pytest.Function, first: int = 1) -> bool:
    """Whether a case is none of the first of any of its parameters."""
    return max(item.callspec.indices.values()) >= first
