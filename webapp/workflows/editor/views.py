"""/workflows/…/edit: each workflow is one YAML text, saved as a draft and published with a note."""

from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from webapp.base.errors import AppError, Conflict, Invalid
from webapp.base.heavy.threads import offload
from webapp.base.languages import gettext as _
from webapp.base.yaml_text import MOST_CHARS
from webapp.models.connections.models import the_models
from webapp.models.connections.service import slug_of
from webapp.people.accounts.guards import admin_only, anybody, audit_author, current_user, signed_in
from webapp.plans.types import service as plan_type_service
from webapp.web.downloads import download
from webapp.web.htmx import is_htmx, redirect, render, wants_json
from webapp.workflows import queries, service as workflow_service, shown
from webapp.workflows.editor import cards, changes
from webapp.workflows.editor.diagram import Diagram, diagram_of
from webapp.workflows.editor.proposal import free_slug
from webapp.workflows.editor.schema import FIELDS, PARTS, SCHEMA, SLOT_FIELDS, VERBS, completions
from webapp.workflows.editor.text import PlacedFault, placed
from webapp.workflows.editor.yaml_edits import scalar
from webapp.workflows.foreign import import_foreign
from webapp.workflows.running.record import definition_of

bp = Blueprint("workflows", __name__)
NEW = """workflow: {name}
title: {title}
about: ""
slots:
  topic: {{type: text, ask: {ask}}}
steps:
  - collect: topic
"""
NO_ABOUT = "Say in one sentence what it is for, before you publish it."
MOST_SHOWN_RUNS = 5
# The names that have a meaning of their own, which the editor colours.
WORDS = " ".join(dict.fromkeys([*PARTS, *VERBS, *FIELDS, *SLOT_FIELDS, "id", "next", "if", "go", "hand_over"]))


@bp.get("/workflows/new")
@admin_only
def new() -> Response:
    if like := request.args.get("like", ""):
        return _form(None, workflow_service.get(like).draft)
    ask = scalar(_("What is it about?"), in_brackets=True)
    source = NEW.format(name=cards.NEW_NAME, title=scalar(_("New workflow")), ask=ask)
    return _form(None, source, after=changes.ChangedText(source, open=0))


@bp.get("/workflows/schema.json")
@anybody
def schema() -> Response:
    """Returns the JSON Schema for editors that validate with it, which don't sign in; it contains nothing about workflows."""
    return jsonify(SCHEMA)


@bp.get("/workflows/<slug>")
@signed_in
def show(slug: str) -> Response:
    me = current_user()
    entry = workflow_service.get(slug) if me.is_admin else workflow_service.published(slug)
    context = {"entry": entry, "states": shown.STATES, **_steps_of(entry.text)}
    context["picture"] = _picture(entry.text, context)[0]
    context["runs"] = [
        (run, run.current_state, shown.step_title(definition_of(run), run.current_state.step))
        for run in queries.runs_of(me.id, slug=slug, limit=MOST_SHOWN_RUNS)
    ]
    return render("workflows/show.html", **context)


@bp.get("/workflows/<slug>/edit")
@admin_only
def edit(slug: str) -> Response:
    entry = workflow_service.get(slug)
    return _form(entry, entry.draft)


@bp.post("/workflows")
@admin_only
def save() -> Response:
    form, files = request.form, request.files.getlist("file")
    slug, source = form.get("slug", ""), whole()
    # With a `slug`, the person has seen the draft that this replaces; other forms must set `replace` to overwrite one.
    replaces: workflow_service.Replaces = "any" if slug or "replace" in form else "nobody's"
    try:
        texts = [_text(file.read()) for file in files if file.filename]
        if flows := import_foreign(texts, author=audit_author(), replaces=replaces)[0]:
            return render("workflows/imported.html", flows=flows)
        source = texts[0] if texts else _named(source)
        if "publish" in form and not workflow_service.runnable(source).about:
            raise Invalid(NO_ABOUT, field="about")
        saved = workflow_service.save(source, author=audit_author(), slug=slug, replaces=replaces)
        if "publish" in form:
            workflow_service.publish(saved, form.get("note", ""), author=audit_author())
    except (Invalid, Conflict) as refusal:
        if wants_json():
            raise
        return editor(source, refusal=refusal)
    return redirect(url_for("workflows.edit", slug=saved), _("Published.") if "publish" in form else _("Draft saved."))


@bp.post("/workflows/check")
@admin_only
def check() -> Response:
    source, whole_source = typed(), whole()
    # The form of a step isn't replaced while someone types in it.
    opened = offload(changes.still_open, source, _fields())
    after = changes.ChangedText(source, opened, is_typing=opened >= 0 and whole_source != source)
    return render("workflows/_checked.html", **_checked(source, _stored()), after=after)


@bp.post("/workflows/change")
@admin_only
def change() -> Response:
    """Changes the text as a button says; a page with JavaScript puts the difference into its textarea, where it can be undone."""
    plan_type = min(plan_type_service.slugs(), default="")
    # A thread of its own has no language.
    after = offload(copy_context().run, changes.change, typed(), _fields(), plan_type=plan_type, tool=_new_call())
    checked = _checked(after.source, _stored())
    after = _kept_open(after, checked)
    if is_htmx():
        return render("workflows/_changed.html", **checked, after=after)
    return editor(after.source, after=after)


@bp.post("/workflows/complete")
@admin_only
def complete() -> Response:
    suggestions = completions(typed(), request.form.get("at", 0, type=int))
    return render("workflows/_completions.html", found=suggestions)


@bp.get("/workflows/<slug>/export.yaml")
@signed_in
def export(slug: str) -> Response:
    entry = workflow_service.published(slug)
    return download(entry.source, f"{entry.slug}.yaml", "application/yaml")


@bp.post("/workflows/<slug>/remove")
@admin_only
def remove(slug: str) -> Response:
    workflow_service.remove(slug, author=audit_author())
    return redirect(url_for("runs.index"), _("Removed."))


def _named(source: str) -> str:
    """Returns a text with a name made from its title, if it has none of its own yet."""
    title = offload(cards.new_title, source)
    if not title:
        return source
    name = free_slug(slug_of(title, 34), (entry.slug for entry in workflow_service.entries()))
    try:
        return offload(cards.headed, source, {"workflow": name})
    except cards.CardRefused as refusal:
        raise Invalid(str(refusal), field="definition") from refusal


def _new_call() -> cards.NewCall:
    """Returns what a new step calls first: a search of the documents, or another tool, as its button says."""
    tools = workflow_service.tools()
    is_search = request.form.get("deed") == "add search"
    ranked = sorted(tools.values(), key=lambda tool: (tool.key == cards.SEARCH) != is_search)
    tool = next(iter(ranked), None)
    return cards.NewCall(tool.key, tool.schema.get("required", ())) if tool else cards.NO_CALL


def typed() -> str:
    """Returns the editor's text."""
    return request.form.get("source", "").replace("\r\n", "\n")


def whole() -> str:
    """Returns the editor's text with what was entered in the form of a step."""
    return offload(changes.entered, typed(), _fields())


def _fields() -> dict[str, str]:
    # The tools of a step are checkboxes of one name, behind an empty field for none.
    return {name: "\n".join(values) if name == "step_tools" else values[-1] for name, values in request.form.lists()}


def editor(source: str, *, refusal: AppError | None = None, **more: Any) -> Response:
    """Renders the editor of the workflow that its form names with a text as typed; `more` is added to the template's context."""
    return _form(_stored(), source, refusal=refusal, **more)


def _stored() -> workflow_service.StoredWorkflow | None:
    slug = request.form.get("slug", "") or request.form.get("shipped", "")
    return workflow_service.get(slug) if slug else None


def _text(content: bytes) -> str:
    try:
        return content[: 4 * MOST_CHARS].decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise Invalid("That file isn't UTF-8 text.", field="file") from error


def _checked(source: str, entry: workflow_service.StoredWorkflow | None) -> dict[str, Any]:
    """Returns what the editor shows of a text: its steps, its picture or its faults, and whether it differs from the draft."""
    context = {
        "kinds": cards.KINDS,
        "slot_types": cards.ANSWERS,
        "is_live": is_htmx(),
        "is_stored": entry is not None,
        "is_unsaved": entry is None or source != entry.draft,
        **_steps_of(source),
    }
    context |= {"plan_types": sorted(plan_type_service.slugs()), "tools": sorted(workflow_service.tools())}
    picture, faults = _picture(source, context)
    # Those of the steps that are shown, also where the picture is that of an earlier text.
    return {"picture": picture, "exits": picture.exits if picture else (), "faults": faults, **context}


def _kept_open(after: changes.ChangedText, checked: dict[str, Any]) -> changes.ChangedText:
    """Returns what a button did with the form of a step still open if a field of it has an error."""
    index, button = after.focus
    done = [card for card in checked["steps"].cards if card.index == index and button == "open" and after.open < 0]
    is_wrong = any(field for card in done for field, _ in card.faults_of(checked["faults"]))
    return replace(after, open=index, focus=(index, "form")) if is_wrong and not after.said else after


def _steps_of(source: str) -> dict[str, Any]:
    """Returns the steps of a text, and the names that their sentences need."""
    steps = offload(copy_context().run, cards.cards_of, source)
    names = {key: tool.words for key, tool in workflow_service.tools().items()}
    return {"steps": steps, "names": {**names, "": the_models().display_name(steps.model) if steps.model else ""}}


def _picture(source: str, context: dict[str, Any]) -> tuple[Diagram | None, Sequence[PlacedFault]]:
    """Returns the picture of a text with what `_steps_of` says of it, or its faults."""
    try:
        sentences = [card.sentence(context["names"]) for card in context["steps"].cards]
        return diagram_of(workflow_service.runnable(source), sentences), ()
    except workflow_service.BrokenDefinition as broken:
        return None, placed(source, broken.faults)


def _form(
    entry: workflow_service.StoredWorkflow | None, source: str, *, refusal: AppError | None = None, **more: Any
) -> Response:
    context: dict[str, Any] = {"entry": entry, "source": source, "refusal": refusal, **_checked(source, entry)}
    steps, faults = context["steps"], context["faults"]
    context["after"] = changes.ChangedText(source)
    if faults:
        at_cards = [(card, fault) for card in steps.cards for __, fault in card.faults_of(faults)]
        # The text is shown for what no step shows.
        context["is_in_text"] = any(fault not in [fault for __, fault in at_cards] for fault in faults)
        if refusal and (wrong := next((card.index for card, __ in at_cards if not card.why_not), -1)) >= 0:
            context["after"] = changes.ChangedText(source, wrong, focus=(wrong, "form"))
        # The picture of the draft, which had no faults when it was saved, unless a plan type is gone since.
        context["picture"] = _picture(entry.draft, _steps_of(entry.draft))[0] if entry else None
        context["excerpts"] = _excerpts(source, context["faults"])
    context["reference"] = {_("Steps"): VERBS, _("Step options"): FIELDS, _("Slots"): SLOT_FIELDS}
    context["words"] = WORDS
    if entry:
        context |= {"versions": workflow_service.versions(entry.slug), "under_way": queries.under_way(entry.slug)}
    return render("workflows/edit.html", status=refusal.status if refusal else 200, **context | more)


def _excerpts(source: str, faults: Sequence[PlacedFault]) -> list[tuple[int, str, list[PlacedFault]]]:
    """Returns the lines with faults and two around each, for pages without JavaScript."""
    lines = source.split("\n")
    wanted = {number for fault in faults for number in range(fault.line - 2, fault.line + 3) if 0 < number <= len(lines)}
    return [(number, lines[number - 1], [fault for fault in faults if fault.line == number]) for number in sorted(wanted)]
