"""/admin/groups: manages groups of people, who share rights."""

from functools import partial
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.people.accounts import creation_limit, directory, queries
from webapp.people.accounts.forms import GroupDaysForm, GroupForm, MemberForm
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found
from webapp.people.accounts.tables import Group
from webapp.people.members import chat_days, groups
from webapp.settings.forms import typed_numbers
from webapp.settings.losses import Unconfirmed
from webapp.web.htmx import done_message, redirect, render
from webapp.web.pagination import cut
from webapp.web.pick_field import choose

bp = Blueprint("groups", __name__, url_prefix="/admin/groups")
MOST_CURSOR_CHARS = 26
DONE = {
    "deleted": "Group deleted. Its members keep their accounts.",
    "renamed": "Group renamed.",
    "keeping": "Chat retention for members changed.",
}


@bp.get("")
@admin_only
def index() -> Response:
    return render("people/groups.html", form=GroupForm.fresh(), groups=queries.groups(), done=done_message(DONE))


@bp.post("")
@admin_only
def create() -> Response:
    form = GroupForm.opened()
    with form.attempt():
        creation_limit.count(current_user().id)
        return _to(groups.create(form.name.data, author=audit_author()).id)
    return form.shown("people/groups.html", groups=queries.groups(), done="")


@bp.get("/<id>")
@admin_only
def show(id: str) -> Response:
    group = _group(id)
    return render("people/group.html", form=GroupForm.fresh(name=group.name), **_about(group))


@bp.post("/<id>/name")
@admin_only
def rename(id: str) -> Response:
    form, group = GroupForm.opened(), _group(id)
    with form.attempt():
        groups.rename(group, form.name.data, author=audit_author())
        return redirect(url_for("groups.show", id=id, done="renamed"))
    return form.shown("people/group.html", **_about(group))


@bp.post("/<id>/keeping")
@admin_only
def keep(id: str) -> Response:
    form, group = GroupDaysForm.opened(), _group(id)
    with form.attempt():
        days, confirmed = chat_days.entered(form.days.data or ""), typed_numbers([chat_days.SETTING])
        groups.keep_chats(group, days, author=audit_author(), confirmed=confirmed.get(chat_days.SETTING))
        return redirect(url_for("groups.show", id=id, done="keeping"))
    status = form.refusal.status if form.refusal else 200
    group = _group(id)
    return render("people/group.html", status=status, form=GroupForm.fresh(name=group.name), **_about(group, days_form=form))


@bp.post("/<id>/delete")
@admin_only
def delete(id: str) -> Response:
    groups.delete_group(_group(id), author=audit_author())
    return redirect(url_for("groups.index", done="deleted"))


@bp.post("/<id>/people")
@admin_only
def put_in(id: str) -> Response:
    group, form = _group(id), _offering(MemberForm.opened(), id)
    with form.attempt():
        groups.put_in(group, form.person.chosen, author=audit_author())
        return _to(id)
    status = form.refusal.status if form.refusal else 200
    return render("people/group.html", status=status, form=GroupForm.fresh(name=group.name), **_about(group, form))


@bp.post("/<id>/people/<person_id>/remove")
@admin_only
def take_out(id: str, person_id: str) -> Response:
    groups.take_out(_group(id), person_id, author=audit_author())
    return _to(id)


def _group(id: str) -> Group:
    return found(queries.group(id))


def _to(id: str) -> Response:
    return redirect(url_for("groups.show", id=id))


def _about(group: Group, member_form: MemberForm | None = None, days_form: GroupDaysForm | None = None) -> dict[str, Any]:
    form = member_form or _offering(MemberForm.fresh(), group.id)
    inside = cut(directory.members(group.id, request.args.get("after", "")[:MOST_CURSOR_CHARS]), directory.PAGE)
    more_url = url_for("groups.show", id=group.id, after=inside.next_cursor) if inside.next_cursor else ""
    refusal, days = days_form and days_form.refusal, "" if group.chat_days is None else str(group.chat_days)
    return {
        "group": group,
        "people": inside.rows,
        "more_url": more_url,
        "member_form": form,
        "days_form": days_form or GroupDaysForm.fresh(days=days),
        "to_confirm": [refusal.loss] if isinstance(refusal, Unconfirmed) else [],
        "team_days": chat_days.rules().team,
        "done": done_message(DONE),
    }


def _offering(form: MemberForm, group_id: str) -> MemberForm:
    form.person.offering(partial(groups.candidates, group_id), [choose()])
    return form
