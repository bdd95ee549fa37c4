"""What is known of models' contexts besides their servers' lists: an admin's number, and what a refusal has said."""

import logging
from typing import Annotated

from pydantic import Field
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import NO_PATIENCE, utc_now, write
from webapp.base.errors import NotFound, Unavailable
from webapp.base.inputs import Whole
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.own_names import ModelNameInput
from webapp.models.connections.tables import ModelContext
from webapp.settings.service import setting

# Less holds no question with its answer.
LEAST_TOKENS, MOST_TOKENS = 256, 100_000_000
log = logging.getLogger("generation:models")


class ModelInput(ModelNameInput):
    """What an admin says of a model: its name, and how many tokens its context holds."""

    context_length: Annotated[int, Whole(LEAST_TOKENS, MOST_TOKENS)] | None = Field(
        None, description="How many tokens its context holds; null for what its server lists, or has said in a refusal."
    )


def length(model: str) -> int:
    """Returns how many tokens a model's context holds, or what is assumed of one that doesn't say."""
    return the_models().known(model).context_length or int(setting("context.unknown_tokens"))


def give(model: str, tokens: int | None, *, author: audit.AuditAuthor) -> None:
    """Sets how many tokens a model's context holds; without a number before, none forgets what was learned."""
    if is_own(model) or not the_models().model(model):
        raise NotFound("That model no longer exists.")
    with write() as session:
        row = _row(session, model)
        if row.given == tokens and not row.learned:
            return
        if not (row.given or tokens):
            row.learned = row.listed = None
        row.given, row.changed_at = tokens, utc_now()
        detail = str(tokens or "as its server lists it")
        audit.add(session, "set a model's context", author=author, object_kind="model", object_id=model, detail=detail)
    the_connections().forget()


def given(model: str) -> int | None:
    """Returns an admin's number for a model."""
    known = the_connections().built_in().contexts.get(model)
    return known.given if known else None


def learn(model: str, tokens: int) -> None:
    """Remembers what a refusal has said, until the server lists something else; an admin's number stays."""
    server = the_connections().of_model(model)
    if not server:
        return
    listed = next((listed.context_length for listed in server.models if server.prefix + listed.id == model), None)
    try:
        with write(patience_seconds=NO_PATIENCE) as session:
            row = _row(session, model)
            row.learned, row.listed, row.changed_at = tokens, listed, utc_now()
    except (Unavailable, OperationalError) as error:
        # The next refusal says it again.
        log.warning("context_not_learned", extra={"fields": {"model": model, "error": type(error).__name__}})
    else:
        log.info("context_learned", extra={"fields": {"model": model, "tokens": tokens}})
    the_connections().forget()


def _row(session: Session, model: str) -> ModelContext:
    if row := session.get(ModelContext, model):
        return row
    server = the_connections().of_model(model)
    row = ModelContext(model=model, connection=server.slug if server else "", changed_at=utc_now())
    row.own_id = server.id if server and server.owner_id else None
    session.add(row)
    return row
