"""Pages to sign in and out, create the owner, and use invites and password links."""

from flask import Blueprint, Response, request, session

from webapp.base.changes import access_changed
from webapp.people.accounts import queries, service, trusted_header
from webapp.people.accounts.forms import ChosenPasswordForm, InvitedForm, SetupForm, SignInForm
from webapp.people.accounts.guards import (
    anybody,
    client_address,
    email_by_proxy,
    own_path,
    session_secret,
    session_user,
    signed_in_by,
    user_or_none,
    with_session,
)
from webapp.people.accounts.second_step import the_second_step
from webapp.people.accounts.sign_on import the_sign_on
from webapp.people.accounts.tables import User
from webapp.people.members import invites
from webapp.settings.service import setting
from webapp.web.htmx import redirect, render

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
    with form.attempt():
        if email := email_by_proxy():
            agent, path = request.user_agent.string, own_path(form.next.data)
            return signed_in_by(lambda: trusted_header.sign_in(email, agent, address=client_address()), path)
    return _sign_in_page(form)


@bp.post("/login")
@anybody
def sign_in() -> Response:
    form = SignInForm.opened()
    with form.attempt():
        agent, path = request.user_agent.string, own_path(form.next.data)
        return signed_in_by(lambda: service.sign_in(form.email.data, form.password.data, agent, address=client_address()), path)
    return _sign_in_page(form)


@bp.get("/login/link/<token>")
@anybody
def ask_by_link(token: str) -> Response:
    """Asks before the link is used up: programs open links to look at them."""
    service.check_sign_in_link(token)
    return render("people/sign_in_link.html", token=token)


@bp.post("/login/link/<token>")
@anybody
def sign_in_by_link(token: str) -> Response:
    user_id = service.used_sign_in_link(token)
    return signed_in_by(lambda: service.admit(user_id, request.user_agent.string, address=client_address()))


@bp.post("/logout")
@anybody
def sign_out() -> Response:
    path = "/login"
    if user := user_or_none():
        user_id, path = user.id, the_sign_on().leaving(session_secret()) or path
        service.sign_out(session_secret(), address=client_address())
        access_changed(user_id)
    session.clear()
    response = with_session(redirect(path), "")
    # Clears avatars and other pictures too, which browsers cache for a week, and what they keep for reading offline.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
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


def _signed_in_by_link(user: User) -> Response:
    """Signs in a user who used a link."""
    return signed_in_by(lambda: service.admit(user.id, request.user_agent.string, address=client_address()))


def _sign_in_page(form: SignInForm) -> Response:
    has_demo = bool(setting("demo.visitors"))
    about = {"has_owner": queries.has_owner(), "has_accounts": queries.has_accounts(), "has_demo": has_demo}
    ways = {"sign_ons": the_sign_on().buttons(), "has_passwords": setting("sign_in.passwords")}
    return form.shown("people/login.html", **about, **ways)
