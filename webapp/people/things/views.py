"""What the pages of every kind of things do alike: find one, move it to the trash and back, copy it."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.people.accounts.guards import audit_author, current_user, found, signed_in
from webapp.people.things import shares_shown
from webapp.people.things.thing import Owned, Thing
from webapp.web.htmx import redirect

T = TypeVar("T", bound=Owned)


def seen(thing: Thing[T], id: str) -> T:
    """Returns one that the person can see; raises `NotFound` for others."""
    return found(thing.seen(current_user(), id))


def own(thing: Thing[T], id: str) -> T:
    """Returns one to change; raises `Forbidden` for someone who can only see it, with what they can do instead."""
    row = seen(thing, id)
    thing.refuse_unless_owner(row, current_user())
    return row


def trash_for_list(thing: Thing[T]) -> dict[str, Any]:
    """Returns what a list shows of the trash, and the one that was just moved there, with *Undo*."""
    me = current_user()
    return {"trash": thing.trashed(me), "deleted": thing.in_trash(me, request.args.get("deleted", ""))}


def add_trash_pages(bp: Blueprint, thing: Thing[T], restored: Callable[[str], Response]) -> None:
    """Adds the forms that move one to the trash, which its list shows with *Undo*, and back."""

    @bp.post("/<id>/delete")
    @signed_in
    def delete(id: str) -> Response:
        thing.trash(seen(thing, id), by=current_user())
        return redirect(url_for(".index", deleted=id))

    @bp.post("/<id>/restore")
    @signed_in
    def restore(id: str) -> Response:
        thing.restore(found(thing.in_trash(current_user(), id)), by=current_user())
        return restored(id)


def add_copy_page(bp: Blueprint, thing: Thing[T], copied: Callable[[T], Owned]) -> None:
    """Adds the form that makes a copy that the person owns."""

    @bp.post("/<id>/duplicate")
    @signed_in
    def duplicate(id: str) -> Response:
        return redirect(url_for(".show", id=copied(seen(thing, id)).id, done="copied"))


def add_people_pages(
    bp: Blueprint, thing: Thing[T], template: str, *, rule: str = "/<id>", own: Callable[[Thing[T], str], T] = own
) -> None:
    """Adds the page on which an owner says who may use one."""
    form_class = shares_shown.form_for(thing)

    def page(row: T, form: shares_shown.ShareForm) -> Response:
        listed_shares = thing.shares(row, after=shares_shown.after(), limit=shares_shown.MOST_LISTED + 1)
        return form.shown(
            template,
            row=row,
            path=url_for(".show", id=row.id),
            rights=thing.rights,
            **shares_shown.listed(listed_shares, url_for(".people", id=row.id)),
        )

    def shareable(id: str) -> T:
        row = own(thing, id)
        thing.refuse_unshareable(row, current_user())
        return row

    @bp.get(f"{rule}/people")
    @signed_in
    def people(id: str) -> Response:
        row = shareable(id)
        return page(row, form_class.fresh().offering(row.owner_id))

    @bp.post(f"{rule}/people")
    @signed_in
    def share(id: str) -> Response:
        row = shareable(id)
        form = form_class.opened().offering(row.owner_id)
        with form.attempt():
            thing.share(row, *form.chosen, author=audit_author())
            return redirect(url_for(".people", id=id), _("Shared."))
        return page(own(thing, id), form)

    @bp.post(f"{rule}/people/<grant_id>/remove")
    @signed_in
    def unshare(id: str, grant_id: str) -> Response:
        thing.unshare(own(thing, id), grant_id, author=audit_author())
        return redirect(url_for(".people", id=id), _("Access removed."))
