"""Sharing on pages: the form, the list of those who were granted something, and the same in a few words."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from flask import request

from webapp.accounts import shares
from webapp.accounts.shares import Share
from webapp.web.forms import Form
from webapp.web.picks import PickField
from webapp.words import number

MOST_LISTED, MOST_NAMED = 50, 3


class ShareForm(Form):
    whom = PickField("Who", id="share-whom", choices=[], validate_choice=False, render_kw={"required": True})

    def offering(self, owner_id: str | None) -> Self:
        self.whom.offering(partial(shares.candidates, owner_id), [("everyone:", "Everyone on the team")])
        return self

    @property
    def chosen(self) -> tuple[str, str]:
        """To what kind, and the id of whom."""
        to, _, to_id = self.whom.chosen.partition(":")
        return to, to_id


def after() -> str:
    """Behind which grant the page that was asked for begins."""
    return request.args.get("after", "")[:26]


def listed(found: Sequence[Share], url: str) -> dict[str, Any]:
    """A page of these, of which one too many was asked for, and where the next one is."""
    is_cut = len(found) > MOST_LISTED
    return {"shares": found[:MOST_LISTED], "more_url": f"{url}?after={found[MOST_LISTED - 1].grant_id}" if is_cut else ""}


def names(kind: str, id: str) -> list[str]:
    """Of those to whom an object was granted, as many as `whose` needs."""
    return [each.name or "everyone" for each in shares.shares(kind, id, limit=MOST_NAMED + 1)]


def whose(kind: str, id: str, named: Sequence[str]) -> str:
    """Who sees what is one's own, in a few words."""
    if not named:
        return "Only you"
    more = f" and {number(shares.count(kind, id) - MOST_NAMED)} more" if len(named) > MOST_NAMED else ""
    return f"Shared with {', '.join(named[:MOST_NAMED])}{more}"
