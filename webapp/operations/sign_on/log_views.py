"""/account/sign-ins: a person's own, and *This wasn't me*; /admin/sign-ins: everyone's."""

from flask import Blueprint, Response, request, url_for

from webapp.operations.sign_on import log
from webapp.operations.sign_on.forms import ReportForm
from webapp.operations.sign_on.log import Browser
from webapp.people.accounts import directory, queries
from webapp.people.accounts.guards import admin_only, client_address, current_user, session_secret, signed_in, with_session
from webapp.web.htmx import redirect, render
from webapp.web.pick_field import MOST_SHOWN

bp = Blueprint("sign_in_log", __name__)
REPORTED = "All other browsers are signed out and your API tokens are revoked. The admins know."


@bp.get("/account/sign-ins")
@signed_in
def index() -> Response:
    sign_ins, cursor = log.sign_ins_of(current_user(), secret=session_secret(), before=request.args.get("before", ""))
    next_url = url_for(".index", before=cursor) if cursor else ""
    return render("operations/sign_on/own_sign_ins.html", sign_ins=sign_ins, next_url=next_url)


@bp.get("/account/sign-ins/<id>/report")
@signed_in
def ask(id: str) -> Response:
    return ReportForm.opened().shown("operations/sign_on/report.html", sign_in=log.own_sign_in(current_user(), id))


@bp.post("/account/sign-ins/<id>/report")
@signed_in
def report(id: str) -> Response:
    form, sign_in = ReportForm.opened(), log.own_sign_in(current_user(), id)
    with form.attempt():
        browser = Browser(session_secret(), request.user_agent.string, client_address())
        secret = log.report(current_user(), sign_in, form.current.data or "", form.password.data or "", browser=browser)
        return with_session(redirect(url_for(".index"), REPORTED), secret)
    return form.shown("operations/sign_on/report.html", sign_in=sign_in)


@bp.get("/admin/sign-ins")
@admin_only
def everyones() -> Response:
    email, before = request.args.get("person", "").strip(), request.args.get("before", "")
    person = queries.user_by_email(email) if email else None
    sign_ins, cursor = log.sign_ins_of(person, before=before) if person or not email else ([], "")
    return render(
        "operations/sign_on/sign_ins.html",
        sign_ins=sign_ins,
        email=email,
        people=directory.addresses(email, MOST_SHOWN),
        next_url=url_for(".everyones", person=email or None, before=cursor) if cursor else "",
    )
