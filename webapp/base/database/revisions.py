"""The revisions of the migrations, in the order in which they are applied. Standard library only."""

import re
from functools import cache
from pathlib import Path

from webapp.base.config import ROOT

NAMED = re.compile(r"""^(down_revision|revision) = ["']?(\w+)["']?$""", re.MULTILINE)


def revisions_of(root: Path) -> tuple[str, ...]:
    """Returns the revisions that the files of a version know, each after the one that it names, as their numbers don't say it."""
    files = (root / "migrations" / "versions").glob("[0-9]*_*.py")
    about = (dict(NAMED.findall(path.read_text("utf-8"))) for path in files)
    next_by_revision = {names["down_revision"]: names["revision"] for names in about}
    revisions, revision = list[str](), "None"
    while revision := next_by_revision.get(revision, ""):
        revisions.append(revision)
    return tuple(revisions)


@cache
def known_revisions() -> tuple[str, ...]:
    return revisions_of(ROOT)


def newest_revision() -> str:
    return known_revisions()[-1]
