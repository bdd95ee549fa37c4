"""/api/v1/starters: the cards of the home page. Everyone reads those that they can open; admins read and change all of them."""

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller, may
from webapp.api.operations import operation
from webapp.api.schemas import Answer
from webapp.base.inputs import Changes, changes
from webapp.people.accounts.guards import audit_author, found
from webapp.workspace.home.starters import service, shown
from webapp.workspace.home.starters.service import Starter, StarterInput

bp = Blueprint("api_starters", __name__, url_prefix="/api/v1/starters")


class StarterAnswer(Answer):
    """A card. What it opens is a page's path, `prompt:` with the id of a prompt of the team, or empty for its own `text`."""

    slot: int = Field(description="Its place on the home page, from 1 to 4.")
    words: str
    hint: str
    icon: str
    opens: str
    text: str = Field(description="Its own prompt, with a field for each variable.")
    takes_files: bool = Field(description="Whether it asks for a file.")
    is_shown: bool
    is_changed: bool = Field(description="Whether an admin has changed it.")


class StarterList(Answer):
    starters: list[StarterAnswer]


StarterChange = changes("StarterChange", StarterInput)


@bp.get("")
@operation("List the cards of the home page: all for admins, else those that you can open", scope="read", answer=StarterList)
def index() -> StarterList:
    return StarterList(starters=[StarterAnswer.of(starter) for starter in _visible()])


@bp.get("/<slot>")
@operation("Show a card of the home page", scope="read", answer=StarterAnswer)
def show(slot: str) -> StarterAnswer:
    return StarterAnswer.of(found(next((starter for starter in _visible() if str(starter.slot) == slot), None)))


@bp.patch("/<slot>")
@operation("Change a card of the home page", scope="admin", body=StarterChange, answer=StarterAnswer)
def change(slot: str, body: Changes) -> StarterAnswer:
    starter, me = found(service.starter(slot)), caller()
    paths = [entry.path for entry in shown.pages(me)]
    service.change(starter.slot, StarterInput.entered(body.over(starter)), pages=paths, by=me, author=audit_author())
    return StarterAnswer.of(found(service.starter(slot)))


@bp.delete("/<slot>")
@operation("Reset a card of the home page to the one that ships", scope="admin", answer=StarterAnswer)
def reset(slot: str) -> StarterAnswer:
    service.reset(found(service.starter(slot)).slot, author=audit_author())
    return StarterAnswer.of(found(service.starter(slot)))


def _visible() -> list[Starter]:
    return service.starters() if may("admin") else shown.openable(caller())
