"""The tool by which a model asks the person, who picks an answer or writes one while the run waits."""

from collections.abc import Mapping
from typing import Any

from webapp.base.languages import gettext as _
from webapp.tools.built_in.texts import said
from webapp.tools.tool import READS, Tool

MOST_QUESTION, MOST_CHOICES, MOST_CHOICE = 500, 6, 100


def _says(arguments: Mapping[str, Any]) -> str:
    return _("Asked you %(question)s", question=said(arguments, "question")).rstrip()


ASK_PERSON = Tool(
    key="ask_person",
    title="Ask a question",
    about="Asks you when you need to decide.",
    group="questions",
    description=(
        "Asks the person one question and waits for the answer. Use it only if you can't go on without a decision or a fact that "
        "the person alone has. Offer choices if there are a few; without any, the person writes an answer."
    ),
    schema={
        "type": "object",
        "properties": {
            "question": {
                "type": "string",
                "minLength": 1,
                "maxLength": MOST_QUESTION,
                "description": "One plain question.",
            },
            "choices": {
                "type": "array",
                "maxItems": MOST_CHOICES,
                "uniqueItems": True,
                "items": {"type": "string", "minLength": 1, "maxLength": MOST_CHOICE},
                "description": "The answers to choose from, if any.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    },
    says=_says,
    hints=READS,
    policy="allow",
)
