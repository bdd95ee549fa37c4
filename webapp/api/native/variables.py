"""/api/v1/me/variables: the variables that the caller has in all their chats with characters."""

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.chat.record import variables

bp = Blueprint("api_variables", __name__, url_prefix="/api/v1/me/variables")


class VariablesAnswer(Answer):
    variables: dict[str, str]


class NewVariables(Body):
    variables: dict[str, str] = Field(description="Instead of those before; up to 100, with values of 2,000 characters.")


@bp.get("")
@operation("Show your variables in all chats with characters", scope="read", answer=VariablesAnswer)
def show() -> VariablesAnswer:
    return VariablesAnswer(variables=variables.of_person(caller().id))


@bp.put("")
@operation("Replace your variables in all chats with characters", scope="chat", body=NewVariables, answer=VariablesAnswer)
def replace(body: NewVariables) -> VariablesAnswer:
    variables.replace_own(caller().id, body.variables)
    return VariablesAnswer(variables=variables.of_person(caller().id))
