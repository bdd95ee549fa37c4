"""/account: a person's own profile, sessions, API tokens and data: parts of their settings."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request, session, url_for

from webapp.base.changes import access_changed
from webapp.people.accounts import creation_limit, queries, shown, tokens
from webapp.people.accounts.forms import DeleteForm, EmailForm, NameForm, PasswordForm, TokenForm
from webapp.people.accounts.guards import came_from, client_address, current_user, know, session_secret, signed_in, with_session
from webapp.people.accounts.permissions import allowed_scopes, may
from webapp.people.accounts.roles import PERMISSIONS
from webapp.people.accounts.second_step import the_second_step
from webapp.people.accounts.sign_on import the_sign_on
from webapp.people.members import chat_days, service as people_service
from webapp.settings.service import setting
from webapp.web.forms import Form
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("account", __name__, url_prefix="/account")
# How many members of a person's groups the page names.
MOST_NAMES = 500
DONE = {
    "name": "Your name has been changed.",
    "email": "Your email has been changed. Use the new one to sign in from now on.",
    "password": "Your password has been changed. All other browsers have been signed out.",
    "sessions": "Session ended.",
    "tokens": "Token revoked.",
}
# Where a change was made, if not on the first page; and what shows a form that was refused.
PAGES_OF = {"password": "show_security", "sessions": "show_security", "tokens": "show_tokens"}
TEMPLATES: Mapping[type[Form], str] = {
    PasswordForm: "people/security.html",
    TokenForm: "people/own_tokens.html",
    DeleteForm: "people/own_data.html",
}


@bp.get("")
@signed_in
def show() -> Response:
    return render("people/account.html", **_context())


@bp.get("/security")
@signed_in
def show_security() -> Response:
    return render("people/security.html", **_context())


@bp.get("/tokens")
@signed_in
def show_tokens() -> Response:
    return render("people/own_tokens.html", **_context())


@bp.get("/data")
@signed_in
def show_data() -> Response:
    return render("people/own_data.html", **_context())


@bp.post("/name")
@signed_in
def rename() -> Response:
    form = NameForm.opened()
    with form.attempt():
        people_service.rename(current_user(), form.name.data, address=client_address())
        return _back("name")
    return _refused(form)


@bp.post("/email")
@signed_in
def change_email() -> Response:
    form = EmailForm.opened()
    with form.attempt():
        people_service.change_email(current_user(), form.email.data, form.password.data, address=client_address())
        return _back("email")
    return _refused(form)


@bp.post("/password")
@signed_in
def change_password() -> Response:
    form, user_id = PasswordForm.opened(), current_user().id
    with form.attempt():
        fields = form.current.data, form.password.data, request.user_agent.string
        about = {"revokes_tokens": form.revokes_tokens.data, "address": client_address()}
        secret = people_service.change_password(current_user(), *fields, **about)
        access_changed(user_id)
        return with_session(_back("password"), secret)
    return _refused(form)


@bp.post("/sessions/<id>/end")
@signed_in
def end_session(id: str) -> Response:
    user_id = current_user().id
    people_service.end_session(current_user(), id, address=client_address())
    access_changed(user_id)
    return _back("sessions")


@bp.post("/sessions/end")
@signed_in
def end_other_sessions() -> Response:
    user_id = current_user().id
    people_service.end_other_sessions(current_user(), session_secret(), address=client_address())
    access_changed(user_id)
    return _back("sessions")


@bp.post("/tokens")
@signed_in
def make_token() -> Response:
    me = current_user()
    form = TokenForm.opened().offering(allowed_scopes(me), is_admin=me.is_admin)
    with form.attempt():
        days, address = form.chosen_days, client_address()
        creation_limit.count(me.id)
        token = tokens.make_own_token(
            me, form.password.data, form.name.data, form.scopes, days=days, gateway=form.gateway, address=address
        )
        return render("people/own_tokens.html", **_context(), new_token=token)
    return _refused(form)


@bp.post("/tokens/<id>/revoke")
@signed_in
def revoke_token(id: str) -> Response:
    tokens.revoke_token(current_user(), id, address=client_address())
    return _back("tokens")


@bp.post("/delete")
@signed_in
def delete() -> Response:
    form = DeleteForm.opened()
    with form.attempt():
        receipt = people_service.delete_account(current_user(), form.password.data, address=client_address())
        session.clear()
        know(None)
        return with_session(render("people/own_receipt.html", receipt=receipt, me=None), "")
    return _refused(form)


@bp.app_template_global()
def own_confirmation() -> dict[str, Any]:
    """Returns how a person without a password confirms that it is them, and whether they just have."""
    me = current_user()
    buttons, page = the_sign_on().confirming(me.id), request.path if request.method == "GET" else came_from()
    return {"is_confirmed": queries.is_confirmed(me.id, session_secret()), "buttons": buttons, "next": page}


def _back(what: str) -> Response:
    return redirect(url_for(f"account.{PAGES_OF.get(what, 'show')}", done=what, _anchor=what))


def _refused(form: Form) -> Response:
    return form.shown(TEMPLATES.get(type(form), "people/account.html"), **_context(form))


def _context(refused_form: Form | None = None) -> dict[str, Any]:
    """Returns the context of the page; a form that was refused keeps what was entered."""
    me = current_user()
    fresh: dict[str, Form] = {
        "name": NameForm.fresh(name=me.name),
        "email": EmailForm.fresh(),
        "password": PasswordForm.fresh(),
        "token": TokenForm.fresh().offering(allowed_scopes(me), is_admin=me.is_admin),
        "delete": DeleteForm.fresh(),
    }
    forms = {name: refused_form if refused_form and type(refused_form) is type(form) else form for name, form in fresh.items()}
    return {
        "forms": forms,
        "sessions": shown.sessions(me, session_secret()),
        "tokens": shown.tokens(me),
        "permissions": [(row, may(me, row.name)) for row in PERMISSIONS],
        "groups": queries.groups_with_members(me.id, most=MOST_NAMES),
        "has_second_factor": the_second_step().is_on(me.id),
        "rule": chat_days.rule_of(me.id),
        "trash_days": int(setting("trash.days")),
        "done": done_message(DONE),
    }
