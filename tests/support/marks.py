"""Marks that tests share."""

import pytest

# Where SQL, transactions or search differ.
on_both_databases = pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
# Where nothing does, or another test of the same statements is on both.
also_on_postgres = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgres", marks=[pytest.mark.slow, pytest.mark.deep])]
)
