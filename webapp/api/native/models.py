"""/api/v1/models: the models that people can choose on this server."""

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.heavy.turns import by_turns
from webapp.models.connections.models import providers
from webapp.models.providers.base import ABILITIES

bp = Blueprint("api_models", __name__, url_prefix="/api/v1/models")


class ModelAnswer(Answer):
    id: str
    name: str
    is_default: bool
    connection: str
    context_length: int | None
    prompt_price: str | None = Field(description="US dollars per million tokens, as decimal text; null if unknown.")
    completion_price: str | None
    abilities: list[str] | None = Field(description=f"Which of {', '.join(ABILITIES)} it has; null if unknown.")


class ModelList(Answer):
    models: list[ModelAnswer]


@bp.get("")
@operation("List the available models", scope="read", answer=ModelList)
def index() -> ModelList:
    known = providers()
    default = known.default(caller().default_model)
    return ModelList(
        models=[
            ModelAnswer(
                id=each.id,
                name=each.name,
                is_default=each.id == default,
                connection=known.connection_of(each.id),
                context_length=each.context_length,
                prompt_price=each.prompt_price or None,
                completion_price=each.completion_price or None,
                abilities=None if each.abilities is None else list(each.abilities),
            )
            for each in by_turns(known.offered())
        ]
    )
