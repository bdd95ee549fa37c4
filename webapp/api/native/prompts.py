"""/api/v1/prompts: prompts for models, with immutable versions."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from flask import Blueprint
from pydantic import Field, StringConstraints

from webapp.api.access import caller, check, may
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Query
from webapp.base.errors import Invalid, NotFound
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import AnyId
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.service import MOST_COLLECTIONS
from webapp.operations.experiments import service as experiment_service
from webapp.people.accounts.guards import audit_author, found
from webapp.prompts import queries, service
from webapp.prompts.template import FilledTooLong, partly_filled
from webapp.prompts.validation import MOST_CHARS, PromptInput, SectionInput, Sections, VersionInput
from webapp.tools.named import ToolKeys

# Limits the text in one page of versions: a prompt can have a thousand versions of sixty thousand characters.
PAGE_CHARS = 1_000_000
bp = Blueprint("api_prompts", __name__, url_prefix="/api/v1/prompts")
PartText = Annotated[str, StringConstraints(max_length=MOST_CHARS)]
Weights = Annotated[dict[Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}$")], float], Field(max_length=5)]
Strategy = Literal["FIXED", "LATEST", "A_B_TEST", "BEST_PERFORMANCE"]


class PartBody(SectionInput):
    pass


class PartAnswer(Answer):
    name: str
    text: str


class PromptAnswer(Answer):
    key: str
    id: str = Field(description="Empty for a prompt that comes with Millrace and hasn't been changed.")
    about: str
    is_own: bool
    is_teams: bool = Field(description="Whether it is owned by the team and edited by its admins.")
    is_built_in: bool = Field(description="Whether Millrace itself uses it.")
    strategy: str
    version: int | None = Field(description="The version in use; null while there is none.")
    variables: list[str] = Field(description="The variables that are filled in, for a prompt that Millrace itself uses.")
    collection_ids: list[str] = Field(
        description="The collections that answers read from where it is used, as far as the caller can see them."
    )
    tools: list[str] = Field(
        description="Keys of the tools that are on where it is used, as far as the person asking can use them."
    )
    changed_at: datetime | None


class PromptList(Answer):
    prompts: list[PromptAnswer]


class NewPrompt(PromptInput):
    is_own: bool | None = Field(None, description="Whether it is yours alone; by default, what admins create is the team's.")


class PromptVersionAnswer(Answer):
    version: int
    sections: list[PartAnswer]
    model: str
    temperature: float | None
    max_tokens: int | None
    note: str
    by: str
    created_at: datetime | None


class VersionList(Answer):
    versions: list[PromptVersionAnswer]
    next_cursor: str = Field(description="Empty unless there are so many long ones that the rest is on another page.")


class VersionsQuery(Query):
    cursor: str = Field("", pattern=r"^[0-9]{0,7}$", description="`next_cursor` of the previous page; empty for the first page.")


class NewVersion(VersionInput):
    sections: Sections[PartBody]


class StrategyBody(Body):
    strategy: Strategy
    version: int | None = Field(None, description="Required for FIXED.")
    weights: Weights | None = Field(None, description="The shares of an experiment in percent, by version.")
    min_samples: experiment_service.Samples | None = Field(
        None, description="For BEST_PERFORMANCE: the versions take turns until each has so many answers."
    )


class CollectionsBody(Body):
    collection_ids: list[AnyId] = Field(description="Instead of those before.", max_length=MOST_COLLECTIONS)


class ToolsBody(Body):
    tools: ToolKeys


class PreviewBody(Body):
    version: int | None = Field(None, description="By default, the version in use.")
    variables: Annotated[dict[str, PartText], Field(max_length=100)] = Field(default_factory=dict)


class PreviewAnswer(Answer):
    sections: list[PartAnswer]
    missing: list[str] = Field(description="The variables that got no value.")


@bp.get("")
@operation("List the prompts you can see", scope="read", answer=PromptList)
def index() -> PromptList:
    return PromptList(prompts=_answers_of(queries.prompts(caller())))


@bp.post("")
@operation("Create a prompt", scope="chat", body=NewPrompt, answer=PromptAnswer, status=201, errors=(409, 422))
def create(body: NewPrompt) -> PromptAnswer:
    is_teams = may("admin") if body.is_own is None else not body.is_own
    if is_teams:
        check("admin")
    return _one(service.make(body, None, author=audit_author(), is_teams=is_teams))


@bp.get("/<key>")
@operation("Show a prompt, by its key or id", scope="read", answer=PromptAnswer)
def show(key: str) -> PromptAnswer:
    return _one(key)


@bp.delete("/<key>")
@operation("Delete a prompt with its versions, or reset one that comes with Millrace", scope="chat", status=204, errors=(409,))
def delete(key: str) -> None:
    service.remove(_changeable(key), author=audit_author())


@bp.get("/<key>/versions")
@operation("List the versions of a prompt, newest first", scope="read", query=VersionsQuery, answer=VersionList)
def versions(key: str, query: VersionsQuery) -> VersionList:
    prompt = _visible(key)
    versions = [version for version in queries.versions(prompt) if not query.cursor or version.number < int(query.cursor)]
    page = list(_within(PAGE_CHARS, queries.with_texts(prompt, versions)))
    return VersionList(
        versions=[_version(version) for version in page], next_cursor=str(page[-1].number) if len(page) < len(versions) else ""
    )


@bp.post("/<key>/versions")
@operation(
    "Publish a version, which never changes",
    scope="chat",
    body=NewVersion,
    answer=PromptVersionAnswer,
    status=201,
    errors=(409, 422),
    named={"text": "sections"},
)
def publish(key: str, body: NewVersion) -> PromptVersionAnswer:
    number = service.publish(_changeable(key), body, author=audit_author())
    return _version(_numbered(_visible(key), number))


@bp.put("/<key>/strategy")
@operation("Choose which version is used", scope="chat", body=StrategyBody, answer=PromptAnswer, errors=(409, 422))
def choose(key: str, body: StrategyBody) -> PromptAnswer:
    """During an experiment, A_B_TEST and BEST_PERFORMANCE set how its versions are assigned. BEST_PERFORMANCE starts one."""
    prompt = _changeable(key)
    if body.strategy in experiment_service.METHODS:
        values = {"method": body.strategy, "weights": body.weights or {}, "min_samples": body.min_samples}
        experiment_service.give_out(prompt, experiment_service.ShareInput.entered(values), author=audit_author())
    else:
        service.choose(prompt, body.strategy, body.version, author=audit_author())
    return _one(key)


@bp.put("/<key>/collections")
@operation(
    "Choose the collections that answers read from where it is used",
    scope="chat",
    body=CollectionsBody,
    answer=PromptAnswer,
    errors=(409, 422),
)
def read_from(key: str, body: CollectionsBody) -> PromptAnswer:
    """Searches use the permissions of the person who sends the message. Collections set by others that you can't see stay."""
    service.read_from(_changeable(key), body.collection_ids, author=audit_author())
    return _one(key)


@bp.put("/<key>/tools")
@operation("Choose the tools that are on where it is used", scope="chat", body=ToolsBody, answer=PromptAnswer, errors=(409, 422))
def name_tools(key: str, body: ToolsBody) -> PromptAnswer:
    """Each answer has those that the person who sends the message can use. Tools set by others that you can't use stay."""
    service.name_tools(_changeable(key), body.tools, author=audit_author())
    return _one(key)


@bp.post("/<key>/preview")
@operation("Fill in a prompt without sending it", scope="read", body=PreviewBody, answer=PreviewAnswer, errors=(422,))
def preview(key: str, body: PreviewBody) -> PreviewAnswer:
    try:
        parts, missing = partly_filled(_numbered(_visible(key), body.version).parts, body.variables)
    except FilledTooLong as error:
        raise Invalid("That makes the prompt too long. Use shorter values.", field="variables") from error
    return PreviewAnswer(sections=[PartAnswer(name=part.name, text=part.text) for part in parts], missing=missing)


def _visible(key: str) -> queries.KnownPrompt:
    return found(queries.prompt(caller(), key))


def _changeable(key: str) -> queries.KnownPrompt:
    """Returns the prompt; a prompt of the team requires the scope `admin`."""
    prompt = _visible(key)
    if prompt.owner_id is None:
        check("admin")
    return prompt


def _within(most_chars: int, versions: Iterable[queries.Version]) -> Iterator[queries.Version]:
    """Yields the first versions, at least one, whose texts have at most `most_chars` characters together."""
    chars = 0
    for place, version in enumerate(versions):
        chars += sum(len(part.text) for part in version.parts)
        if place and chars > most_chars:
            return
        yield version


def _numbered(prompt: queries.KnownPrompt, number: int | None) -> queries.Version:
    versions = queries.versions(prompt)
    matches = (
        [queries.in_use(prompt, versions)]
        if number is None and versions
        else [version for version in versions if version.number == number]
    )
    for text in queries.with_texts(prompt, matches):
        return text
    raise NotFound("There is no such version.")


def _one(key: str) -> PromptAnswer:
    return _answers_of([_visible(key)])[0]


def _answers_of(prompts: Sequence[queries.KnownPrompt]) -> list[PromptAnswer]:
    ids = sorted({id for prompt in prompts for id in prompt.collection_ids})
    seen = {collection.id for collection in knowledge_queries.collections_among(caller(), ids)} if ids else set()
    return [_answer(prompt, [id for id in prompt.collection_ids if id in seen]) for prompt in by_turns(prompts)]


def _answer(prompt: queries.KnownPrompt, reads: list[str]) -> PromptAnswer:
    return PromptAnswer.of(
        prompt,
        is_own=prompt.owner_id == caller().id,
        is_teams=prompt.owner_id is None,
        is_built_in=prompt.built_in is not None,
        version=queries.number_in_use(prompt),
        variables=list(prompt.built_in.variables) if prompt.built_in else [],
        collection_ids=reads,
    )


def _version(version: queries.Version) -> PromptVersionAnswer:
    sections = [PartAnswer(name=part.name, text=part.text) for part in version.parts]
    return PromptVersionAnswer.of(version, version=version.number, sections=sections)
