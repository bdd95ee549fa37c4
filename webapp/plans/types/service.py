"""Plan types, shipped or added by admins; each is one YAML text."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webapp.base import audit, yaml_text
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.heavy.threads import offload, offload_expecting
from webapp.base.untrusted_json import JsonObject
from webapp.plans.plan_about import PlanAbout
from webapp.plans.tables import PlanType
from webapp.plans.types import validation
from webapp.plans.types.schema import Schema, defaults

FOLDER = Path(__file__).parent / "shipped"
SLUG = re.compile(r"[a-z][a-z0-9-]{1,39}")
TEXTS = {"title": 80, "prompt": 20_000, "description": 300}
# Names of fields that every plan's form has.
RESERVED = {"type", "model", "again_of"}
# The limit of types, which all stay cached, because parsing a large one takes up to a quarter of a second.
MOST_TYPES = 100
KNOWN = {*TEXTS, "inputs", "plan", "calendar", "sample", "example"}


@dataclass(frozen=True, slots=True)
class Type:
    """The inputs and the content of a kind of plan; a plan keeps a copy of `about`."""

    slug: str
    source: str
    about: PlanAbout
    is_shipped: bool

    @property
    def title(self) -> str:
        return self.about["title"]

    @property
    def description(self) -> str:
        return self.about.get("description", "")

    @property
    def inputs(self) -> Schema:
        return self.about["inputs"]

    @property
    def plan(self) -> Schema:
        return self.about["plan"]

    @property
    def sample(self) -> JsonObject:
        return dict(self.about.get("sample") or {})

    @property
    def example(self) -> JsonObject | None:
        return self.about.get("example")

    def filled(self, values: JsonObject) -> JsonObject:
        """Returns the inputs with defaults for missing values; raises `Rejected` if they are invalid."""
        own_values = {name: value for name, value in values.items() if name in self.inputs["properties"]}
        whole = defaults(self.inputs, utc_now().date()) | own_values
        validation.check(whole, self.inputs)
        return whole


def all_types() -> list[Type]:
    """Returns all types by title; one added by an admin replaces a shipped one with the same slug."""
    rows = db.session.execute(select(PlanType.slug, PlanType.source).order_by(PlanType.slug)).all()
    types_by_slug = {type.slug: type for type in _shipped()} | {slug: offload(parsed, slug, source) for slug, source in rows}
    return sorted(types_by_slug.values(), key=lambda type: type.title)


def get(slug: str) -> Type:
    source = db.session.scalar(select(PlanType.source).where(PlanType.slug == slug))
    plan_type = offload(parsed, slug, source) if source else next((type for type in _shipped() if type.slug == slug), None)
    if not plan_type:
        raise NotFound("That plan type no longer exists.")
    return plan_type


def slugs() -> set[str]:
    """Returns the slugs of all types."""
    return {*shipped_slugs(), *db.session.scalars(select(PlanType.slug))}


def shipped_slugs() -> list[str]:
    """Returns the slugs of the shipped types."""
    return [file.stem for file in sorted(FOLDER.glob("*.yaml"))]


def shipped(slug: str) -> Type:
    return next(type for type in _shipped() if type.slug == slug)


def is_as_shipped(about: PlanAbout) -> bool:
    """Returns whether a plan's copy of its type has a shipped prompt, which admins can change under *Prompts*."""
    return any(type.slug == about.get("type") and type.about["prompt"] == about["prompt"] for type in _shipped())


def parsed(slug: str, source: str, *, is_shipped: bool = False) -> Type:
    """Parses a type's YAML; raises `Invalid` with a sentence about the first error."""
    if not SLUG.fullmatch(slug):
        raise Invalid("Use 2 to 40 lowercase letters, digits and hyphens, starting with a letter.", field="slug")
    return Type(slug, source, _about(source), is_shipped)


def _parsed_new(slug: str, source: str) -> Type:
    plan_type = parsed(slug, source)
    try:
        yaml_text.read(source, "plan type", is_new=True)
    except yaml_text.UnreadableYaml as error:
        raise Invalid(f"Line {error.line}: {error}", field="source") from error
    return plan_type


def save(slug: str, source: str, *, author: audit.AuditAuthor) -> Type:
    """Adds or changes a type; existing plans keep their copy of it."""
    plan_type = offload_expecting(Invalid, _parsed_new, slug, source)
    with write() as session:
        others = session.scalar(select(func.count()).select_from(PlanType).where(PlanType.slug != slug)) or 0
        if others >= MOST_TYPES:
            raise Conflict(f"There are already {MOST_TYPES} plan types. Delete one first.")
        session.merge(PlanType(slug=slug, source=source, changed_by=author.id))
        _note(session, "saved a plan type", slug, author)
    return plan_type


def remove(slug: str, *, author: audit.AuditAuthor) -> None:
    """Deletes a type that an admin added; a shipped one with the same slug takes its place."""
    get(slug)
    with write() as session:
        gone = session.execute(delete(PlanType).where(PlanType.slug == slug).returning(PlanType.slug)).first()
        if not gone:
            raise Conflict("This type comes with Millrace and can't be deleted.")
        _note(session, "deleted a plan type", slug, author)


def _note(session: Session, action: str, slug: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="plan type", object_id=slug)


@cache
def _shipped() -> tuple[Type, ...]:
    validation.load()
    return offload(_read_shipped)


def _read_shipped() -> tuple[Type, ...]:
    return tuple(parsed(file.stem, file.read_text("utf-8"), is_shipped=True) for file in sorted(FOLDER.glob("*.yaml")))


@lru_cache(maxsize=MOST_TYPES + 20)
def _about(source: str) -> PlanAbout:
    try:
        about = yaml_text.read(source, "plan type").value
    except yaml_text.UnreadableYaml as error:
        raise Invalid(str(error), field="source") from error
    if not isinstance(about, dict):
        raise Invalid("A plan type must be a mapping with title, prompt, inputs and plan.", field="source")
    _check(about)
    return cast(PlanAbout, about)


def _check(about: JsonObject) -> None:
    if unknown := set(map(str, about)) - KNOWN:
        raise Invalid(f"Unknown: {', '.join(sorted(unknown))}.", field="source")
    for name, most in TEXTS.items():
        value = about.get(name, "")
        if not isinstance(value, str) or len(value) > most or (name in ("title", "prompt") and not value.strip()):
            raise Invalid(f"“{name}” must be text of at most {most} characters.", field="source")
    for name in ("inputs", "plan"):
        validation.check_schema(about.get(name), name)
        if taken := RESERVED & set(about[name]["properties"]):
            raise Invalid(f"“{name}” can't have {', '.join(sorted(taken))}: the form reserves that name.", field="source")
    _check_values(about)


def _check_values(about: JsonObject) -> None:
    filled = defaults(about["inputs"], date(2026, 1, 1)) | dict(about.get("sample") or {})
    for words, value, schema in (("sample", filled, about["inputs"]), ("example", about.get("example"), about["plan"])):
        if about.get(words) is not None and (faults := validation.faults(value, schema)):
            raise Invalid(f"The {words} is invalid: {faults[0].path}: {faults[0].message}", field="source")
    calendar = about.get("calendar", {})
    if not isinstance(calendar, dict) or not all(isinstance(name, str | int) for name in calendar.values()):
        raise Invalid("“calendar” must be a mapping of names.", field="source")
