"""Pages to sign in and out, create the owner, and use invites and password links."""

from collections.abc import Callable

from flask import Blueprint, Response, request, session

from webapp.base.changes import access_changed
from webapp.people.accounts import queries, service
from webapp.people.accounts.forms import ChosenPasswordForm, InvitedForm, SetupForm, SignInForm
from webapp.people.accounts.guards import (
    anybody,
    client_address,
    own_path,
    session_secret,
    session_user,
    user_or_none,
    with_session,
)
from webapp.people.accounts.second_step import CodeNeeded, the_second_step
from webapp.people.accounts.tables import User
from webapp.people.members import invites
from webapp.settings.service import setting
from webapp.web.htmx import redirect

bp = Blueprint("accounts", __name__)


@bp.get("/setup")
@anybody
def setup() -> Response:
    form = SetupForm.opened()
    service.check_owner_link(form.token.data)
    return form.shown("people/setup.html")


@bp.post("/setup")
@anybody
def create_owner() -> Response:
    form = SetupForm.opened()
    with form.attempt():
        service.check_owner_link(form.token.data)
        form.check_account()
        fields = form.token.data, form.email.data, form.name.data, form.password.data
        return _signed_in_by_link(service.create_owner(*fields, address=client_address()))
    return form.shown("people/setup.html")


@bp.get("/login")
@anybody
def login() -> Response:
    form = SignInForm.opened()
    if user_or_none():
        return redirect(own_path(form.next.data))
    if session_user():
        return redirect(the_second_step().begins_at)
    return _sign_in_page(form)


@bp.post("/login")
@anybody
def sign_in() -> Response:
    form = SignInForm.opened()
    with form.attempt():
        agent, path = request.user_agent.string, own_path(form.next.data)
        return _signed_in(lambda: service.sign_in(form.email.data, form.password.data, agent, address=client_address()), path)
    return _sign_in_page(form)


@bp.post("/logout")
@anybody
def sign_out() -> Response:
    if user := user_or_none():
        user_id = user.id
        service.sign_out(session_secret(), address=client_address())
        access_changed(user_id)
    session.clear()
    response = with_session(redirect("/login"), "")
    # Clears avatars and other pictures too, which browsers cache for a week.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@bp.get("/invite/<token>")
@anybody
def invited(token: str) -> Response:
    return InvitedForm.opened().shown("people/invite.html", invite=invites.open_invite(token), token=token)


@bp.post("/invite/<token>")
@anybody
def accept_invite(token: str) -> Response:
    form = InvitedForm.opened()
    with form.attempt():
        form.check_account(email=not invites.open_invite(token).email)
        return _signed_in_by_link(
            invites.accept(token, form.email.data, form.name.data, form.password.data, address=client_address())
        )
    return form.shown("people/invite.html", invite=invites.open_invite(token), token=token)


@bp.get("/password/<token>")
@anybody
def new_password(token: str) -> Response:
    _, person = invites.open_password_link(token)
    return ChosenPasswordForm.opened().shown("people/new_password.html", person=person, token=token)


@bp.post("/password/<token>")
@anybody
def choose_password(token: str) -> Response:
    form = ChosenPasswordForm.opened()
    with form.attempt():
        user = invites.choose_password(token, form.password.data, address=client_address())
        access_changed(user.id)
        return _signed_in_by_link(user)
    _, person = invites.open_password_link(token)
    return form.shown("people/new_password.html", person=person, token=token)


def _signed_in(opened: Callable[[], str], path: str = "/") -> Response:
    """Signs in with the session that is opened, or asks for a code first; ends the browser's previous session."""
    try:
        secret = opened()
    except CodeNeeded as needed:
        return the_second_step().ask(needed, path)
    service.sign_out(session_secret(), address=client_address())
    return with_session(redirect(path), secret)


def _signed_in_by_link(user: User) -> Response:
    """Signs in a user who used a link."""
    return _signed_in(lambda: service.admit(user.id, request.user_agent.string, address=client_address()))


def _sign_in_page(form: SignInForm) -> Response:
    has_demo = bool(setting("demo.visitors"))
    about = {"has_owner": queries.has_owner(), "has_accounts": queries.has_accounts(), "has_demo": has_demo}
    return form.shown("people/login.html", **about)
