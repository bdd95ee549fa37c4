"""/api/v1/models: what may be chosen here."""

from flask import Blueprint

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas.house import ModelAnswer, ModelList
from webapp.generations.models import providers

bp = Blueprint("api_models", __name__, url_prefix="/api/v1/models")


@bp.get("")
@operation("List the models that may be chosen", scope="read", answer=ModelList)
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
            )
            for each in known.offered()
        ]
    )
