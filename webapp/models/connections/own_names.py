"""The names that admins give models; without one, a model has its server's name, or one made from its id."""

from typing import Annotated

from pydantic import Field

from webapp.base import audit
from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid, NotFound
from webapp.base.inputs import Input, Line, OneLine
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.tables import NamedModel


class ModelNameInput(Input):
    """A name for a model."""

    name: Annotated[
        Line,
        Field(description="The name to show; empty for the name from its server or its id."),
        OneLine("Enter a name of up to 80 characters.", 80),
    ] = ""


def rename(model: str, entered: ModelNameInput, *, author: audit.AuditAuthor) -> None:
    """Gives a model the name that people read everywhere; an empty one removes it. Its id stays."""
    if is_own(model) or not the_models().model(model):
        raise NotFound("That model no longer exists.")
    if entered.name and the_models().has_name(entered.name, but=model):
        raise Invalid("Another model already has that name.", field="name")
    with write() as session:
        row = session.get(NamedModel, model)
        if entered.name:
            row = row or NamedModel(model=model, name="")
            row.name, row.changed_at = entered.name, utc_now()
            session.add(row)
        elif row:
            session.delete(row)
        audit.add(session, "named a model", author=author, object_kind="model", object_id=model, detail=entered.name)
    the_connections().forget()
