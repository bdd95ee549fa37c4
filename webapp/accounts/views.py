"""Becoming the owner, signing in and signing out."""

from flask import Blueprint, Response, request, session

from webapp.accounts import queries, service
from webapp.accounts.forms import SetupForm, SignInForm
from webapp.web.guards import anybody, own_path, session_secret, user_or_none, with_session
from webapp.web.htmx import redirect

bp = Blueprint("accounts", __name__)


@bp.get("/setup")
@anybody
def setup() -> Response:
    form = SetupForm.opened()
    service.check_owner_link(form.token.data)
    return form.shown("accounts/setup.html")


@bp.post("/setup")
@anybody
def create_owner() -> Response:
    form = SetupForm.opened()
    with form.attempt():
        owner = service.create_owner(form.token.data, form.email.data, form.name.data, form.password.data)
        return with_session(redirect("/"), service.open_session(owner.id, request.user_agent.string))
    return form.shown("accounts/setup.html")


@bp.get("/login")
@anybody
def login() -> Response:
    form = SignInForm.opened()
    if user_or_none():
        return redirect(own_path(form.next.data))
    return form.shown("accounts/login.html", has_owner=queries.has_owner())


@bp.post("/login")
@anybody
def sign_in() -> Response:
    form = SignInForm.opened()
    with form.attempt():
        address, agent = request.remote_addr or "", request.user_agent.string
        secret = service.sign_in(form.email.data, form.password.data, agent, address=address)
        service.sign_out(session_secret())
        return with_session(redirect(own_path(form.next.data)), secret)
    return form.shown("accounts/login.html", has_owner=queries.has_owner())


@bp.post("/logout")
@anybody
def sign_out() -> Response:
    service.sign_out(session_secret())
    session.clear()
    return with_session(redirect("/login"), "")
