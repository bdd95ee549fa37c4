"""/admin/people: accounts, open invites, and changes to an account."""

from functools import partial
from typing import Any

from flask import Blueprint, Response, request, url_for
from wtforms import EmailField, SelectField

from webapp.base import languages
from webapp.base.changes import access_changed
from webapp.base.languages import gettext as _
from webapp.people.accounts import creation_limit, directory, queries, shown
from webapp.people.accounts.forms import ClearanceForm, DeletePersonForm, RoleForm
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found, own_address
from webapp.people.accounts.roles import RIGHTS, ROLES, invitable, manageable
from webapp.people.accounts.second_step import the_second_step
from webapp.people.accounts.tables import User
from webapp.people.members import invites, service as people_service
from webapp.people.members.invites import InviteInput
from webapp.web.forms import Form, InputForm, options
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("people", __name__, url_prefix="/admin/people")
MOST_QUERY_CHARS = 100
DONE = {
    "revoked": "Invite revoked. Its link no longer works.",
    "role": "Role changed.",
    "clearance": "Clearance changed.",
    "disabled": "Account disabled and signed out everywhere.",
    "enabled": "Account enabled.",
    "two-factor": "Two-factor authentication turned off.",
}


class InviteForm(InputForm[InviteInput]):
    takes = InviteInput
    role = SelectField("Role", id="invite-role", choices=[], default="member")
    email = EmailField("Restrict to this email (optional)", id="invite-email", render_kw={"autocomplete": "off"})


@bp.get("")
@admin_only
def index() -> Response:
    return render("people/people.html", form=_invite_form(InviteForm.fresh()), **_everybody())


@bp.post("/invites")
@admin_only
def invite() -> Response:
    form = _invite_form(InviteForm.opened())
    with form.attempt():
        creation_limit.count(current_user().id)
        token = invites.invite(form.entered, author=audit_author())
        link = own_address(url_for("accounts.invited", token=token))
        return render("people/people.html", form=_invite_form(InviteForm.fresh()), **_everybody(), link=link)
    return form.shown("people/people.html", **_everybody())


@bp.post("/invites/<id>/revoke")
@admin_only
def revoke_invite(id: str) -> Response:
    invites.revoke_invite(id, author=audit_author())
    return redirect(url_for("people.index", done="revoked"))


@bp.get("/<id>")
@admin_only
def show(id: str) -> Response:
    return render("people/person.html", **_about(_person(id)))


@bp.post("/<id>/role")
@admin_only
def change_role(id: str) -> Response:
    form, person = RoleForm.opened(), _person(id)
    with form.attempt():
        people_service.change_role(person, form.role.data or "", author=audit_author())
        return redirect(url_for("people.show", id=id, done="role"))
    return form.shown("people/person.html", **_about(person, form))


@bp.post("/<id>/clearance")
@admin_only
def change_clearance(id: str) -> Response:
    form, person = ClearanceForm.opened(), _person(id)
    with form.attempt():
        people_service.change_clearance(person, _number(form.clearance.data), author=audit_author())
        access_changed(id)
        return redirect(url_for("people.show", id=id, done="clearance"))
    return form.shown("people/person.html", **_about(person, form))


@bp.post("/<id>/disable")
@admin_only
def disable(id: str) -> Response:
    people_service.disable(_person(id), author=audit_author())
    access_changed(id)
    return redirect(url_for("people.show", id=id, done="disabled"))


@bp.post("/<id>/enable")
@admin_only
def enable(id: str) -> Response:
    people_service.enable(_person(id), author=audit_author())
    return redirect(url_for("people.show", id=id, done="enabled"))


@bp.post("/<id>/password-link")
@admin_only
def password_link(id: str) -> Response:
    creation_limit.count(current_user().id)
    token = invites.password_link(_person(id), author=audit_author())
    link = own_address(url_for("accounts.new_password", token=token))
    return render("people/person.html", **_about(_person(id)), link=link)


@bp.post("/<id>/two-factor/off")
@admin_only
def end_second_factor(id: str) -> Response:
    people_service.end_second_factor(_person(id), author=audit_author())
    return redirect(url_for("people.show", id=id, done="two-factor"))


@bp.post("/<id>/delete")
@admin_only
def delete(id: str) -> Response:
    person = _person(id)
    form = _delete_form(DeletePersonForm.opened(), person)
    with form.attempt():
        to = people_service.Inheritance(form.heir.chosen, request.form.getlist("hand_over"))
        receipt = people_service.delete_person(person, form.email.data, author=audit_author(), to=to)
        return render("people/receipt.html", receipt=receipt)
    return form.shown("people/person.html", **_about(person, form))


def _person(id: str) -> User:
    return found(queries.person(id))


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else -1


def _invite_form(form: InviteForm) -> InviteForm:
    form.role.choices = options({role: _(role) for role in invitable(current_user().role)})
    return form


def _delete_form(form: DeletePersonForm, person: User) -> DeletePersonForm:
    form.heir.offering(partial(_heirs, person.id), [("", _("Delete everything with the account"))])
    return form


def _heirs(id: str, text: str, limit: int) -> list[tuple[str, str]]:
    before, _name, after = _("Hand over to %(name)s").partition("%(name)s")
    name = text.removeprefix(before).removesuffix(after)
    choices = directory.people_to_pick(name, limit, User.id != id, directory.IS_OPEN)
    return [(id, f"{before}{words}{after}") for id, words in choices]


def _everybody() -> dict[str, Any]:
    me, text = current_user(), request.args.get("q", "").strip()[:MOST_QUERY_CHARS]
    page = shown.people(me, text, request.args.get("after", "")[:MOST_QUERY_CHARS])
    return {
        "people": page.rows,
        "query": text,
        "more_url": url_for("people.index", q=text or None, after=page.next_cursor) if page.next_cursor else "",
        "invites": queries.open_invites(),
        "invitable": invitable(me.role),
        "roles": ROLES,
        "rights": RIGHTS,
        "done": done_message(DONE),
    }


def _about(person: User, form: Form | None = None) -> dict[str, Any]:
    """Returns the context of a person's page; a form that was refused keeps what was entered."""
    me = current_user()
    role_form = form if isinstance(form, RoleForm) else RoleForm.fresh(role=person.role)
    role_form.role.choices = options({role: _(role) for role in manageable(me.role)})
    sessions = queries.sessions_of(person.id)
    handed_over, listed = request.form.getlist("hand_over"), languages.current().formats.listed
    heirlooms = [
        (name, listed([_(kind.words) for kind in kinds]), kinds[0].is_private)
        for name, kinds in people_service.heirlooms().items()
    ]
    return {
        "heirlooms": heirlooms,
        "handed_over": handed_over or [name for name, _words, is_private in heirlooms if not is_private],
        "person": shown.person(person, sessions[0].seen_at if sessions else None, me),
        "groups": queries.groups_of(person.id),
        "has_second_factor": the_second_step().is_on(person.id),
        "role_form": role_form,
        "clearance_form": form if isinstance(form, ClearanceForm) else ClearanceForm.fresh(clearance=str(person.clearance)),
        "delete_form": form if isinstance(form, DeletePersonForm) else _delete_form(DeletePersonForm.fresh(), person),
        "done": done_message(DONE),
    }
