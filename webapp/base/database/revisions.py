"""The revisions of the migrations, in the order in which they are applied. Standard library only."""

import re
from functools import cache
from pathlib import Path

from webapp.base.config import ROOT

NAMED = re.compile(r"""^(down_revision|revision) = ["']?(\w+)["']?$""", re.MULTILINE)
# The release whose schema the first migration makes; what came before is migrated by that release.
BASE_RELEASE = "1.5"
TOO_OLD = (
    f"Schema {{}} is from before Millrace {BASE_RELEASE}. Run make upgrade in the folder of Millrace {BASE_RELEASE} first, "
    "then upgrade to this version: see docs/upgrade.md. Nothing was changed."
)


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


def is_too_old(revision: str | None) -> bool:
    """Returns whether a revision is from before the first migration, which can't go on from it: new ones have higher numbers."""
    return bool(revision and revision.isdigit() and int(revision) < int(known_revisions()[0]))


def why_too_old(revision: str | None) -> str:
    """Returns what to do with a database of a revision that is too old; empty for any other."""
    return TOO_OLD.format(revision) if is_too_old(revision) else ""
