"""Sharing on pages: the form, the list of grants, and a summary in a few words."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from flask import request

from webapp.base.words import number
from webapp.people.grants import shares
from webapp.web.forms import Form
from webapp.web.pick_field import CHOOSE, PickField

MOST_LISTED, MOST_NAMED = 50, 3


class ShareForm(Form):
    whom = PickField("Who", id="share-whom", choices=[], validate_choice=False, render_kw={"required": True})

    def offering(self, owner_id: str | None) -> Self:
        self.whom.offering(partial(shares.candidates, owner_id), [CHOOSE, ("everyone:", "Everyone on the team")])
        return self

    @property
    def chosen(self) -> tuple[str, str]:
        """The kind of recipient, and its id."""
        to, _, to_id = self.whom.chosen.partition(":")
        return to, to_id


def after() -> str:
    """Returns the id of the grant after which the requested page begins."""
    return request.args.get("after", "")[:26]


def listed(shares: Sequence[shares.Share], url: str) -> dict[str, Any]:
    """Returns a page of grants and the URL of the next; `shares` has one more than a page if there is a next page."""
    is_cut = len(shares) > MOST_LISTED
    return {"shares": shares[:MOST_LISTED], "more_url": f"{url}?after={shares[MOST_LISTED - 1].grant_id}" if is_cut else ""}


def names(kind: str, id: str) -> list[str]:
    """Returns the names of the first recipients, as many as `whose` needs."""
    return [share.name or "everyone" for share in shares.shares(kind, id, limit=MOST_NAMED + 1)]


def whose(kind: str, id: str, named: Sequence[str]) -> str:
    """Summarizes who can see a person's own object."""
    if not named:
        return "Only you"
    more = f" and {number(shares.count(kind, id) - MOST_NAMED)} more" if len(named) > MOST_NAMED else ""
    return f"Shared with {', '.join(named[:MOST_NAMED])}{more}"
