"""The revisions of the migrations, from the numbers their file names begin with. Standard library only."""

from functools import cache

from webapp.base.config import ROOT

FOLDER = ROOT / "migrations" / "versions"


@cache
def known_revisions() -> tuple[str, ...]:
    return tuple(sorted(path.name.partition("_")[0] for path in FOLDER.glob("[0-9]*_*.py")))


def newest_revision() -> str:
    return known_revisions()[-1]
