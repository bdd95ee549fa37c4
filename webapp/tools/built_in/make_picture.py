"""The tool by which a model has a picture made, by the model for pictures."""

from collections.abc import Mapping
from typing import Any

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.base.visible_text import one_line, visible
from webapp.engine.drawing import PictureMaker, is_maybe_paid
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import check_unlisted
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.models.providers.base import PictureRequest, ProviderError
from webapp.models.providers.demo import NO_PICTURES
from webapp.tools.built_in.texts import said
from webapp.tools.files import NewFile
from webapp.tools.tool import CallContext, Hints, Result, Tool, ToolFailed

MOST_PROMPT, MOST_NAME = 4_000, 60
SIZES = {"square": "1024x1024", "wide": "1536x1024", "tall": "1024x1536"}
WHERE = "Administration → Models → Tools"
NOT_SET_UP = f"No picture model is set. An admin can choose one under {WHERE}."
GONE = f"The picture model is no longer available. An admin can choose another under {WHERE}."
COST = "It cost ${}."
UNPRICED = "What it cost is not known."


def unavailable() -> str:
    """Returns why no pictures can be made, or nothing."""
    model = the_models().model_for(PICTURE_MODEL)
    try:
        check_unlisted(model, NO_PICTURES)
    except Invalid:
        return GONE
    return "" if model else NOT_SET_UP


def make(context: CallContext, arguments: Mapping[str, Any]) -> Result:
    """Returns the picture, which becomes a file of the chat, with its price."""
    model, prompt = the_models().model_for(PICTURE_MODEL), visible(str(arguments["prompt"]))
    if reason := unavailable():
        raise ToolFailed(reason)
    maker, request = PictureMaker.from_model(model), PictureRequest(model, prompt, SIZES.get(str(arguments.get("shape")), ""))
    # Releases the database connection while waiting for another server.
    db.session.rollback()
    try:
        drawn = maker.draw(request, context.stop)
    except ProviderError as error:
        raise ToolFailed(error.message, is_unknown=is_maybe_paid(error)) from error
    file, cost = NewFile(f"{_name(arguments)}.png", drawn.content), drawn.usage.cost
    return Result(COST.format(cost) if cost else UNPRICED, files=(file,), cost=cost)


def _name(arguments: Mapping[str, Any]) -> str:
    name = arguments.get("name")
    words = one_line(name if isinstance(name, str) else "", MOST_NAME).replace("/", "-").strip(". ")
    return words.removesuffix(".png") or "picture"


def _says(arguments: Mapping[str, Any]) -> str:
    prompt = said(arguments, "prompt")
    return _("Created a picture of %(prompt)s", prompt=prompt) if prompt else _("Created a picture")


MAKE_PICTURE = Tool(
    key="make_picture",
    title="Create a picture",
    about="Creates a picture from your description.",
    group="pictures",
    description=(
        "Makes a picture of what you describe, and shows it to the person below this call. Describe what is seen, in which "
        "style, in a few sentences. It costs money, so make one picture, unless the person asks for more."
    ),
    schema={
        "type": "object",
        "properties": {
            "prompt": {"type": "string", "minLength": 1, "maxLength": MOST_PROMPT, "description": "What the picture shows."},
            "shape": {"type": "string", "enum": list(SIZES), "description": "Left out, the model's usual one."},
            "name": {"type": "string", "maxLength": MOST_NAME, "description": "A short name for the file."},
        },
        "required": ["prompt"],
        "additionalProperties": False,
    },
    says=_says,
    run=make,
    # Doing it again makes, and costs, another one.
    hints=Hints(is_destructive=False),
    policy="ask",
    unavailable=unavailable,
    setting=PICTURE_MODEL,
)
