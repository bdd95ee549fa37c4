"""The settings of one chat. Its form, API fields, export files and copies are generated from this table. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from webapp.models.providers.base import EFFORTS, SAMPLERS

# What the settings panel shows besides the fields.
BESIDE_FIELDS = ("model", "persona_id", "collection_ids", "lorebook_ids", "is_forgotten")
PROMPTS, NOTE, MEMORY, PARAMETERS, TUNING = "Prompts", "Author's note", "Memory", "Parameters", "Samplers"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatField:
    """A column of chats: a text, or a number between `least` and `most` that can be empty.

    A number has at most `chars` characters when typed. A text has the general length limit, is one of `choices` (value to
    label), or has at most `lines` lines. `ability` is the model ability it needs.

    `element` is its id on a page; `label` and `hint` are shown in the form, under the heading `group`, `refusal` when a value is
    out of bounds, and `description` in the API reference.
    """

    name: str
    element: str
    group: str
    kind: type[str | int | float] = str
    label: str
    hint: str = ""
    description: str | None = None
    least: float = 0
    most: float = 0
    chars: int = 0
    choices: Mapping[str, str] = field(default_factory=dict)
    lines: int = 0
    ability: str = ""
    refusal: str = ""

    @property
    def is_sampler(self) -> bool:
        return self.name in SAMPLERS


def _of_model(
    name: str,
    element: str,
    label: str,
    hint: str,
    *,
    kind: type[int | float] = float,
    least: int = 0,
    most: int,
    chars: int = 8,
) -> ChatField:
    """Returns a number field that is empty for the model's default and needs the model ability of the same name."""
    return ChatField(
        name=name,
        element=element,
        group=TUNING,
        kind=kind,
        label=label,
        hint=hint,
        description=f"{label}; null for the model's default.",
        least=least,
        most=most,
        chars=chars,
        ability=name,
        refusal=f"Enter a number from {least} to {most:,}, or leave empty for the model's default.",
    )


FIELDS = (
    ChatField(name="pre_prompt", element="prompts-pre", group=PROMPTS, label="Pre-prompt", hint="Placed before everything else."),
    ChatField(
        name="system_prompt",
        element="prompts-system",
        group=PROMPTS,
        label="Instructions",
        hint="How the model should behave in this chat. With a character, they replace the character's own.",
    ),
    ChatField(
        name="post_prompt",
        element="prompts-post",
        group=PROMPTS,
        label="Post-history instructions",
        hint="Placed right before your latest message.",
    ),
    ChatField(
        name="note",
        element="prompts-note",
        group=NOTE,
        label="Author's note",
        hint="Placed among the last messages, where models notice it most.",
    ),
    ChatField(
        name="note_depth",
        element="prompts-note-depth",
        group=NOTE,
        kind=int,
        label="Depth of the note",
        hint="How many messages come after it. Leave empty for 4.",
        description="How many messages follow the author's note; null for 4.",
        most=10_000,
        chars=5,
        refusal="Enter a number from 0 to 10,000, or leave empty for 4.",
    ),
    ChatField(
        name="note_interval",
        element="prompts-note-interval",
        group=NOTE,
        kind=int,
        label="Send the note every N messages",
        hint="0 turns it off. Leave empty for every message.",
        description="With every how many of a person's messages the author's note is sent; null for always, 0 for never.",
        most=10_000,
        chars=5,
        refusal="Enter a number from 0 to 10,000, or leave empty for always.",
    ),
    ChatField(
        name="note_role",
        element="prompts-note-role",
        group=NOTE,
        label="Role of the note",
        description="The role of the author's note: `user` or `assistant`; empty for system.",
        choices={"": "System", "user": "You", "assistant": "The model"},
        refusal="Choose one of the roles.",
    ),
    ChatField(
        name="history_limit",
        element="prompts-history",
        group=MEMORY,
        kind=int,
        label="History limit",
        hint="How many earlier messages are sent. Leave empty to send as many as fit the model's context window.",
        description="How many earlier messages are sent to the model; null for all that fit.",
        most=100_000,
        chars=6,
        refusal="Enter a number from 0 to 100,000, or leave empty for the whole history.",
    ),
    ChatField(
        name="temperature",
        element="prompts-temperature",
        group=PARAMETERS,
        kind=float,
        label="Creativity",
        hint="How varied the wording is, from 0 to 2 (the model's temperature). Leave empty for the default.",
        description="Temperature; null for the server's default.",
        most=2,
        chars=8,
        refusal="Enter a number from 0 to 2, or leave empty for the server's default.",
    ),
    ChatField(
        name="max_tokens",
        element="prompts-tokens",
        group=PARAMETERS,
        kind=int,
        label="Max tokens",
        hint="The most tokens the model may generate, within the server's limit.",
        description="Max tokens per answer; null for the server's limit, which always applies.",
        least=1,
        most=10**7,
        chars=9,
        refusal="Enter a whole number from 1 to 10,000,000, or leave empty for the server's default.",
    ),
    _of_model(
        "top_p", "prompts-top-p", "Top-p", "Only the likeliest words that together reach this probability, from 0 to 1.", most=1
    ),
    _of_model(
        "top_k",
        "prompts-top-k",
        "Top-k",
        "Only so many of the likeliest words, from 0 to 1,000; 0 for all.",
        kind=int,
        most=1_000,
        chars=4,
    ),
    _of_model(
        "min_p",
        "prompts-min-p",
        "Min-p",
        "Only words that are at least this likely, compared with the likeliest, from 0 to 1.",
        most=1,
    ),
    _of_model(
        "frequency_penalty",
        "prompts-frequency",
        "Frequency penalty",
        "Makes words less likely the more often they've been used, from -2 to 2.",
        least=-2,
        most=2,
    ),
    _of_model(
        "presence_penalty",
        "prompts-presence",
        "Presence penalty",
        "Makes words less likely once they've been used, from -2 to 2.",
        least=-2,
        most=2,
    ),
    _of_model(
        "repetition_penalty",
        "prompts-repetition",
        "Repetition penalty",
        "Makes words from the prompt and the answer less likely, from 0 to 2; 1 for no change.",
        most=2,
    ),
    ChatField(
        name="stop_words",
        element="prompts-stop",
        group=PARAMETERS,
        label="Stop words",
        hint="One per line, up to 4. The answer ends before the first of them.",
        description="Up to 4 texts, one per line, before which an answer ends.",
        lines=4,
        ability="stop",
        refusal="Enter up to 4 stop words, one per line.",
    ),
    ChatField(
        name="effort",
        element="prompts-effort",
        group=PARAMETERS,
        label="Reasoning effort",
        description="How hard the model thinks; empty for its default.",
        choices={"": "Model default", **{name: name.replace("xhigh", "extra high").capitalize() for name in EFFORTS}},
        ability="reasoning",
        refusal="Choose one of the efforts.",
    ),
    ChatField(
        name="answer_format",
        element="prompts-format",
        group=PARAMETERS,
        label="Answer format",
        hint="For JSON, describe in the prompt what you want.",
        description="`json` for answers that are one JSON object; empty for text.",
        choices={"": "Text", "json": "JSON"},
        ability="json",
        refusal="Choose one of the formats.",
    ),
    ChatField(
        name="fold",
        element="prompts-fold",
        group=MEMORY,
        label="Folding",
        hint="Whether a model gets a short form of what no longer fits, or nothing of it.",
        description="`on` or `off`: whether a model gets a short form of what no longer fits; empty for the team's setting.",
        choices={"": "Team default", "on": "On", "off": "Off"},
        refusal="Choose whether the chat is folded.",
    ),
    ChatField(
        name="own_instructions",
        element="prompts-own",
        group=PROMPTS,
        label="Your custom instructions",
        hint="Whether models get the custom instructions from your Settings in this chat.",
        description="`off` leaves out the custom instructions of the chat's owner; empty sends them.",
        choices={"": "Sent", "off": "Left out"},
        refusal="Choose whether they are sent.",
    ),
)


def values_of(chat: object) -> dict[str, Any]:
    """Returns the settings of a chat by name."""
    return {field.name: getattr(chat, field.name) for field in FIELDS}


def settings_mark(chat: object) -> str:
    """Returns a hash of all that the settings panel shows, by which an open one can tell whether it is out of date."""
    values = [getattr(chat, name) for name in (*(field.name for field in FIELDS), *BESIDE_FIELDS)]
    return sha256(repr(values).encode()).hexdigest()[:16]
