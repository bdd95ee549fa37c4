"""Marks that tests share."""

import pytest

on_both_databases = pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
