"""/prompts: lists, edits and compares prompts and their versions."""

from flask import Blueprint, Response, request, url_for

from webapp.people.accounts.guards import audit_author, current_user, found, signed_in
from webapp.people.accounts.permissions import may
from webapp.prompts import queries, service, shown
from webapp.prompts.forms import PromptForm, VersionForm
from webapp.prompts.tables import FIXED, LATEST
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("prompts", __name__, url_prefix="/prompts")
bp.add_app_template_filter(queries.title_of, "prompt_title")


@bp.get("")
@signed_in
def index() -> Response:
    prompts = queries.prompts(current_user())
    groups, states = shown.groups(prompts, current_user()), shown.states(prompts)
    # Members see no built-in prompts, the only ones with a trend.
    trends = shown.trends_of(current_user()) if any(prompt.built_in for prompt in prompts) else {}
    return render(
        "prompts/list.html",
        groups=groups,
        for_programs=shown.FOR_PROGRAMS,
        states=states,
        trends=trends,
        done=done_message(shown.DONE),
    )


@bp.get("/new")
@signed_in
def new() -> Response:
    return _new(PromptForm.fresh())


@bp.post("")
@signed_in
def create() -> Response:
    form = PromptForm.sent()
    with form.attempt():
        id = service.make(form.prompt, form.entered, author=audit_author(), is_teams=form.is_for_team)
        return _to(id, "saved")
    return _new(form)


@bp.get("/<name>")
@signed_in
def show(name: str) -> Response:
    me, prompt = current_user(), _visible(name)
    return render("prompts/show.html", **shown.page(prompt, me), done=done_message(shown.DONE))


@bp.get("/<name>/edit")
@signed_in
def edit(name: str) -> Response:
    prompt = _own(name)
    versions = queries.versions(prompt)
    entered = request.args.get("version", "")
    chosen_version = next((version for version in versions if str(version.number) == entered), versions[0] if versions else None)
    start = next(queries.with_texts(prompt, [chosen_version])) if chosen_version else None
    return _edit(prompt, VersionForm.of(start) if start else VersionForm.fresh())


@bp.post("/<name>")
@signed_in
def publish(name: str) -> Response:
    prompt, form = _own(name), VersionForm.sent()
    with form.attempt():
        service.publish(prompt, form.entered, author=audit_author(), seen=form.seen)
        return _to(name, "published")
    return _edit(_own(name), form)


@bp.get("/<name>/versions/<int:number>")
@signed_in
def version(name: str, number: int) -> Response:
    against = request.args.get("against", "")
    return render("prompts/version.html", **found(shown.compared(_visible(name), number, against)))


@bp.post("/<name>/use")
@signed_in
def use(name: str) -> Response:
    entered = request.form.get("version", "")
    number = int(entered) if entered.isdecimal() and len(entered) < 8 else None
    service.choose(_visible(name), FIXED if entered else LATEST, number, author=audit_author())
    return _to(name, "fixed" if entered else "latest")


@bp.post("/<name>/collections")
@signed_in
def read_from(name: str) -> Response:
    service.read_from(_visible(name), request.form.getlist("collections"), author=audit_author())
    return _to(name, "reads")


@bp.post("/<name>/tools")
@signed_in
def name_tools(name: str) -> Response:
    service.name_tools(_visible(name), request.form.getlist("tools"), author=audit_author())
    return _to(name, "calls")


@bp.post("/<name>/share")
@signed_in
def share(name: str) -> Response:
    is_open = request.form.get("open") == "y"
    service.share(_visible(name), is_open=is_open, author=audit_author())
    return _to(name, "shared" if is_open else "unshared")


@bp.post("/<name>/delete")
@signed_in
def delete(name: str) -> Response:
    prompt = _visible(name)
    service.remove(prompt, author=audit_author())
    return _to(name, "reset") if prompt.built_in else redirect(url_for(".index", done="deleted"))


def _visible(name: str) -> queries.KnownPrompt:
    return found(queries.prompt(current_user(), name))


def _own(name: str) -> queries.KnownPrompt:
    prompt = _visible(name)
    service.PROMPTS.refuse_unless_owner(prompt, current_user())
    return prompt


def _to(name: str, done: str) -> Response:
    return redirect(url_for(".show", name=name, done=done))


def _new(form: VersionForm) -> Response:
    return form.shown("prompts/new.html", may_give=may(current_user(), "administer"))


def _edit(prompt: queries.KnownPrompt, form: VersionForm) -> Response:
    return form.shown("prompts/edit.html", **shown.editor(prompt))
