"""The forms of characters and personas."""

from collections.abc import Sequence
from typing import Any

from flask import request
from wtforms import BooleanField, FileField, SelectChoice, SelectMultipleField, StringField, TextAreaField

from webapp.characters import service
from webapp.characters.cards.cards import DESCRIPTION_CHARS
from webapp.characters.profiles import PICTURE_BYTES, PICTURES, TEXT_CHARS
from webapp.characters.tables import Character
from webapp.knowledge.tables import Collection
from webapp.web.field_groups import FieldGroup
from webapp.web.merging_form import MergingForm

NAME: dict[str, Any] = {"required": True, "maxlength": 120, "autocomplete": "off", "dir": "auto"}


def text_box(rows: int, most: int = TEXT_CHARS) -> dict[str, Any]:
    return {"rows": rows, "maxlength": most, "dir": "auto"}


class ProfileForm(MergingForm):
    """The fields that characters and personas share."""

    name = StringField("Name", default="", render_kw=NAME)
    avatar = FileField("Picture", description=f"{PICTURES} Without one, the first letter of the name is shown.")
    remove_avatar = BooleanField("Remove picture")

    @property
    def picture(self) -> bytes | None:
        """The uploaded bytes; empty to remove the picture, None to keep it."""
        file = request.files.get("avatar")
        if file and file.filename:
            return file.stream.read(PICTURE_BYTES + 1)
        return b"" if self.remove_avatar.data else None


class CharacterForm(ProfileForm):
    description = TextAreaField(
        "Description",
        default="",
        description="Sent to the model, so include the name: who this is, how they speak, what they want. "
        "{{char}} and {{user}} become the names of the character and of the person chatting.",
        render_kw=text_box(9, DESCRIPTION_CHARS),
    )
    greeting = TextAreaField(
        "Greeting", default="", description="The first message of every new chat. Markdown is supported.", render_kw=text_box(5)
    )
    tags = StringField(
        "Tags", default="", description="Separated by commas.", render_kw={"autocomplete": "off", "maxlength": 600}
    )
    system_prompt = TextAreaField(
        "System prompt", default="", description="Placed before everything else about the character.", render_kw=text_box(4)
    )
    post_history_prompt = TextAreaField(
        "Post-history instructions",
        default="",
        description="Placed right before your latest message, where models pay the most attention.",
        render_kw=text_box(3),
    )
    collections = SelectMultipleField(
        "What it knows",
        choices=[],
        validate_choice=False,
        default=(),
        description="Its answers quote these collections, as far as the person asking can see them.",
    )
    is_shared = BooleanField("Everyone on the team can chat with it and see its prompts")

    @property
    def groups(self) -> list[FieldGroup]:
        knows = [FieldGroup(self.collections.label.text, [self.collections], is_quiet=True)] if self.collections.choices else []
        return [*knows, FieldGroup("Advanced prompts", [self.system_prompt, self.post_history_prompt], is_quiet=True)]

    @classmethod
    def of(cls, character: Character, *, is_shared: bool) -> "CharacterForm":
        values = {name: getattr(character, name) for name in ("name", *service.TEXTS)}
        knows = list(character.collection_ids)
        return cls.fresh(**values, tags=", ".join(character.tags), collections=knows, is_shared=is_shared)

    def among(self, collections: Sequence[Collection]) -> "CharacterForm":
        """Returns the form with the collections that the person can see as choices."""
        self.collections.choices = [SelectChoice(collection.id, collection.name) for collection in collections]
        return self

    @property
    def entered(self) -> service.CharacterInput:
        texts: dict[str, Any] = {name: self[name].data or "" for name in ("name", *service.TEXTS)}
        tags = [self.tags.data or ""]
        knows = self.collections.data or ()
        return service.CharacterInput(
            **texts, tags=tags, collection_ids=knows, is_shared=bool(self.is_shared.data), avatar=self.picture
        )
