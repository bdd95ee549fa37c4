"""The forms of characters and personas."""

from collections.abc import Sequence
from typing import Any

from flask import request
from wtforms import BooleanField, FileField, SelectChoice, SelectMultipleField, StringField, TextAreaField

from webapp.characters import queries
from webapp.characters.cards.cards import notes_of
from webapp.characters.profiles import PICTURE_BYTES, PICTURES, checked_tags
from webapp.characters.service import CharacterInput
from webapp.characters.tables import Character
from webapp.knowledge.tables import Collection
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import InputForm
from webapp.web.merging_form import MergingForm

NAME: dict[str, Any] = {"autocomplete": "off", "dir": "auto"}


def text_box(rows: int) -> dict[str, Any]:
    return {"rows": rows, "dir": "auto"}


class ProfileForm(MergingForm):
    """The fields that characters and personas share."""

    name = StringField("Name", render_kw=NAME)
    avatar = FileField("Picture", description=f"{PICTURES} Without one, the first letter of the name is shown.")
    remove_avatar = BooleanField("Remove picture")

    @property
    def picture(self) -> bytes | None:
        """The uploaded bytes; empty to remove the picture, None to keep it."""
        file = request.files.get("avatar")
        if file and file.filename:
            return file.stream.read(PICTURE_BYTES + 1)
        return b"" if self.remove_avatar.data else None


class CharacterForm(InputForm[CharacterInput], ProfileForm):
    takes = CharacterInput
    renamed = {"collection_ids": "collections"}
    description = TextAreaField(
        "Description",
        description="Sent to the model, so include the name: who this is, how they speak, what they want. "
        "{{char}} and {{user}} become the names of the character and of the person chatting.",
        render_kw=text_box(9),
    )
    greeting = TextAreaField(
        "Greeting", description="The first message of every new chat. Markdown is supported.", render_kw=text_box(5)
    )
    note = TextAreaField(
        "Note",
        description="What this character is for, in a sentence. It's shown in the list; models don't get it.",
        render_kw=text_box(2),
    )
    tags = StringField(
        "Tags", default="", description="Separated by commas.", render_kw={"autocomplete": "off", "maxlength": 600}
    )
    system_prompt = TextAreaField(
        "System prompt", description="Placed before everything else about the character.", render_kw=text_box(4)
    )
    post_history_prompt = TextAreaField(
        "Post-history instructions",
        description="Placed right before your latest message, where models pay the most attention.",
        render_kw=text_box(3),
    )
    collections = SelectMultipleField(
        "What it knows",
        choices=[],
        default=(),
        description="Its answers can quote these collections, if the person asking can see them.",
    )
    is_shared = BooleanField("Everyone on the team can chat with it and see its prompts")

    @property
    def groups(self) -> list[FieldGroup]:
        knows = [FieldGroup(self.collections.label.text, [self.collections], is_quiet=True)] if self.collections.choices else []
        return [*knows, FieldGroup("Advanced prompts", [self.system_prompt, self.post_history_prompt], is_quiet=True)]

    @classmethod
    def for_character(cls, character: Character) -> "CharacterForm":
        more = {"note": notes_of(character.card)[0], "is_shared": queries.is_shared(character)}
        return cls.from_row(character, tags=", ".join(character.tags), **more)

    def among(self, collections: Sequence[Collection]) -> "CharacterForm":
        """Returns the form with the collections that the person can see as choices."""
        self.collections.choices = [SelectChoice(collection.id, collection.name) for collection in collections]
        return self

    @property
    def values(self) -> dict[str, Any]:
        return super().values | {"tags": checked_tags([self.tags.data or ""])}
