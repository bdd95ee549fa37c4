"""Imports every table, for migrations."""

from importlib import import_module

from webapp.base.config import ROOT

for path in sorted((ROOT / "webapp").glob("*/**/tables.py")):
    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
