"""/api/v1/model-rules: which model answers what, before the fallbacks."""

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.models.rules import service
from webapp.models.rules.rules import MOST_RULES, ModelRuleInput, Pictures
from webapp.people.accounts.guards import audit_author

bp = Blueprint("api_model_rules", __name__, url_prefix="/api/v1/model-rules")


class ModelRuleAnswer(Answer):
    id: str
    model: str
    kind: str = Field(description="What it is for; empty for everything.")
    least_chars: int
    most_chars: int
    pictures: Pictures
    group_id: str
    from_hour: int
    to_hour: int
    overrules: bool
    sentence: str = Field(description="The rule, read back.")
    is_skipped: bool = Field(description="Whether it can't choose at present, as its model isn't available.")


class RuleList(Answer):
    """The rules in their order; the first that fits chooses."""

    rules: list[ModelRuleAnswer]


class NewRules(Body):
    rules: list[ModelRuleInput] = Field(max_length=MOST_RULES, description="All of them, in their order.")


@bp.get("")
@operation("List the rules that choose models", scope="admin", answer=RuleList)
def index() -> RuleList:
    return _all()


@bp.put("")
@operation("Replace all rules that choose models", scope="admin", body=NewRules, answer=RuleList)
def replace(body: NewRules) -> RuleList:
    service.replace_all(body.rules, author=audit_author())
    return _all()


def _all() -> RuleList:
    present = service.rules()
    reading = service.sentences(present)
    return RuleList(
        rules=[ModelRuleAnswer.of(rule, sentence=reading[rule.id], is_skipped=service.is_skipped(rule)) for rule in present]
    )
