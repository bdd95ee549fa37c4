"""Chooses models by the rules in the settings, and changes these: add, change, move, delete."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from sqlalchemy import select

from webapp.base import audit
from webapp.base.db import db, utc_now
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.ids import new_id
from webapp.base.order import moved
from webapp.models.connections.effective import is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.naming import DEMO
from webapp.models.rules.rules import MOST_RULES, ModelRule, ModelRuleInput, Occasion, fits, rule_from, rules_in, sentence
from webapp.people.accounts.tables import Group, Membership
from webapp.settings.kinds import Value
from webapp.settings.service import set_settings, setting

SETTING = "models.rules"
# As long as its column.
LABEL_CHARS = 1_000
DELETED_GROUP = "a group that was deleted"


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """The model to ask, and a label that says which rule chose it and which were skipped; empty without any."""

    model: str
    label: str = ""
    rule: ModelRule | None = None
    skipped: tuple[ModelRule, ...] = ()


def rules() -> tuple[ModelRule, ...]:
    """Returns the rules in their order; without a query, like every setting."""
    texts: tuple[str, ...] = setting(SETTING)
    return rules_in(texts) if texts else ()


def chosen(model: str, occasion: Occasion, *, person: str = "") -> RuleChoice:
    """Returns the model that answers in place of the usual one: that of the first rule that fits, else the same.

    A model of one's own and the demo stay: what a person pays or plays with is theirs to decide.
    """
    if not (present := rules()) or is_own(model) or model.startswith(DEMO):
        return RuleChoice(model)
    if any(rule.group_id for rule in present):
        occasion = replace(occasion, groups=groups_of(person))
    zone = ZoneInfo(str(setting("team.time_zone")))
    return choice_among(present, model, replace(occasion, hour=utc_now().astimezone(zone).hour))


def choice_among(present: Sequence[ModelRule], model: str, occasion: Occasion) -> RuleChoice:
    """Does the same for an occasion that is known in all respects."""
    skipped = list[ModelRule]()
    for rule in present:
        if fits(rule, occasion):
            if the_models().is_choosable(rule.model):
                return RuleChoice(rule.model, _label(present, rule, skipped), rule, tuple(skipped))
            skipped.append(rule)
    return RuleChoice(model, _label(present, None, skipped), None, tuple(skipped))


def is_usual(model: str) -> bool:
    """Returns whether no person has chosen this model: it is the one that the team's new chats start with."""
    return model == the_models().default()


def groups_of(person: str) -> frozenset[str]:
    return (
        frozenset(db.session.scalars(select(Membership.group_id).where(Membership.user_id == person))) if person else frozenset()
    )


def sentences(present: Sequence[ModelRule]) -> dict[str, str]:
    """Reads rules back, by their ids."""
    ids = {rule.group_id for rule in present if rule.group_id}
    names = dict(db.session.execute(select(Group.id, Group.name).where(Group.id.in_(ids))).all()) if ids else {}
    models = the_models()
    return {rule.id: sentence(rule, models.display_name(rule.model), names.get(rule.group_id, DELETED_GROUP)) for rule in present}


def is_skipped(rule: ModelRule) -> bool:
    """Returns whether a rule can't choose at present, as its model isn't available."""
    return not the_models().is_choosable(rule.model)


def add(entered: ModelRuleInput, *, author: audit.AuditAuthor) -> str:
    """Adds a rule behind the others, and returns its id."""
    rule = _checked(ModelRule.from_input(new_id()[-10:], entered))
    _store((*rules(), rule), author)
    return rule.id


def change(id: str, entered: ModelRuleInput, *, author: audit.AuditAuthor) -> None:
    """Changes a rule, which keeps its place."""
    rule = _checked(ModelRule.from_input(rule_of(id).id, entered))
    _store([rule if other.id == id else other for other in rules()], author)


def move(id: str, step: str, *, author: audit.AuditAuthor) -> None:
    """Moves a rule `up` or `down`, or has `remove` delete it."""
    rule_of(id)
    by_id = {rule.id: rule for rule in rules()}
    _store([by_id[other] for other in moved(list(by_id), step, id)], author)


def replace_all(entered: Sequence[ModelRuleInput], *, author: audit.AuditAuthor) -> None:
    """Replaces all rules, in this order."""
    _store([_checked(ModelRule.from_input(new_id()[-10:], rule)) for rule in entered], author)


def rule_of(id: str) -> ModelRule:
    if rule := next((rule for rule in rules() if rule.id == id), None):
        return rule
    raise NotFound("That rule no longer exists.")


def check(value: Value) -> None:
    """Raises `Invalid` for a value of the setting that isn't a list of rules."""
    for text in value if isinstance(value, tuple) else ():
        rule_from(text)


def _checked(rule: ModelRule) -> ModelRule:
    if not the_models().is_choosable(rule.model):
        raise Invalid("That model isn't available. Choose another one.", field="model")
    if rule.group_id and not db.session.get(Group, rule.group_id):
        raise Invalid("That group no longer exists.", field="group_id")
    return rule


def _store(present: Sequence[ModelRule], author: audit.AuditAuthor) -> None:
    if len(present) > MOST_RULES:
        raise Conflict(f"There can be at most {MOST_RULES} rules. Delete one first.")
    set_settings({SETTING: ", ".join(rule.as_text() for rule in present)}, author=author)


def _label(present: Sequence[ModelRule], rule: ModelRule | None, skipped: Sequence[ModelRule]) -> str:
    """Says which rule chose, and which were skipped, each by its place."""
    if not (rule or skipped):
        return ""
    places, reading = (
        {other.id: place for place, other in enumerate(present, 1)},
        sentences([*skipped, *([rule] if rule else [])]),
    )
    chose = [f"Rule {places[rule.id]} chose the model. {reading[rule.id]}"] if rule else []
    without = [f"Rule {places[other.id]} was skipped, as its model isn't available. {reading[other.id]}" for other in skipped]
    return " ".join([*chose, *without])[:LABEL_CHARS]
