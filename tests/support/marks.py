"""Marks that tests share."""

from collections.abc import Iterable
from typing import Any

import pytest

# Where SQL, transactions or search differ.
on_both_databases = pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
# Where nothing does, or another test of the same statements is on both.
also_on_postgres = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.deep])]
)


def few_of(values: Iterable[Any], first: int = 1) -> list[Any]:
    """The values of a parameter: the first are in `make test`, the others deep."""
    return [value if place < first else pytest.param(value, marks=pytest.mark.deep) for place, value in enumerate(values)]
