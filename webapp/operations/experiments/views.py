"""/experiments: compares versions of a prompt by how people rate the answers."""

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import NotFound
from webapp.operations.experiments import queries, service, shown
from webapp.operations.experiments.forms import ArmSharesForm, ExperimentForm
from webapp.people.accounts.guards import admin_only, audit_author, current_user, found
from webapp.prompts import queries as prompt_queries
from webapp.prompts.tables import Experiment
from webapp.prompts.validation import KEY
from webapp.web.htmx import done_message, redirect, render

bp = Blueprint("experiments", __name__, url_prefix="/experiments")
# The prompt that most answers use.
USUAL = "quick"


@bp.get("")
@admin_only
def index() -> Response:
    comparable = [
        prompt.key for prompt in prompt_queries.prompts(current_user()) if prompt.built_in and prompt.built_in.is_answered
    ]
    return render("operations/experiments/list.html", lines=shown.lines(), keys=comparable, done=done_message(shown.DONE))


@bp.get("/new")
@admin_only
def new() -> Response:
    prompt = _prompt(request.args.get("prompt", USUAL))
    about = shown.beginning(prompt)
    return _new(prompt, ExperimentForm.beginning(about["versions"], about["used"]))


@bp.post("")
@admin_only
def create() -> Response:
    prompt, form = _prompt(request.form.get("prompt", USUAL)), ExperimentForm.sent()
    with form.attempt():
        return _to(service.start(prompt, form.entered, author=audit_author()), "started")
    return _new(_prompt(prompt.key), form)


@bp.get("/<id>")
@admin_only
def show(id: str) -> Response:
    one = _experiment(id)
    shares = {arm.version: f"{arm.weight:g}" for arm in queries.arms_of(one)}
    return _show(one, ArmSharesForm.fresh(strategy=one.method).with_shares(shares))


@bp.post("/<id>/shares")
@admin_only
def weigh(id: str) -> Response:
    one, form = _experiment(id), ArmSharesForm.sent()
    with form.attempt():
        service.weigh(one, form.entered, author=audit_author())
        return _to(id, "weighed")
    return _show(_experiment(id), form)


@bp.post("/<id>/stop")
@admin_only
def stop(id: str) -> Response:
    entered = request.form.get("winner", "")
    winner = int(entered) if entered.isdecimal() and len(entered) < 6 else None
    service.stop(_experiment(id), winner, author=audit_author())
    return _to(id, "stopped")


@bp.post("/<id>/delete")
@admin_only
def delete(id: str) -> Response:
    service.remove(_experiment(id), author=audit_author())
    return redirect(url_for(".index", done="deleted"))


def _experiment(id: str) -> Experiment:
    return found(queries.experiment(id))


def _prompt(name: str) -> prompt_queries.KnownPrompt:
    prompt = prompt_queries.prompt(current_user(), name) if KEY.fullmatch(name) else None
    if prompt is None or not prompt.built_in or not prompt.built_in.is_answered:
        raise NotFound("There is no such prompt to compare versions of.")
    return prompt


def _to(id: str, done: str) -> Response:
    return redirect(url_for(".show", id=id, done=done))


def _new(prompt: prompt_queries.KnownPrompt, form: ExperimentForm) -> Response:
    about = shown.beginning(prompt)
    return form.with_choices(about["versions"]).shown("operations/experiments/new.html", **about)


def _show(one: Experiment, form: ArmSharesForm) -> Response:
    return form.shown("operations/experiments/show.html", **shown.page(one), done=done_message(shown.DONE))
