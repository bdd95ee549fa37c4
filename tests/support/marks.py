"""Marks that tests share."""

from collections.abc import Iterable
from typing import Any

import pytest

# For tests where the databases' SQL, transactions or search differ.
on_both_databases = pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
# For tests where the databases do not differ, or whose statements another test already runs on both.
also_on_postgres = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.deep])]
)


def few_of(values: Iterable[Any], first: int = 1) -> list[Any]:
    """Marks all but the first values of a parameter as deep; `make test` runs the first."""
    return [value if place < first else pytest.param(value, marks=pytest.mark.deep) for place, value in enumerate(values)]
