"""The forms of characters and personas."""

from typing import Any

from flask import request
from wtforms import BooleanField, FileField, StringField, TextAreaField

from webapp.characters import personas, service
from webapp.characters.fields import PICTURE_BYTES, PICTURES, TEXT_CHARS
from webapp.characters.tables import Character, Persona
from webapp.web.forms import Form

NAME: dict[str, Any] = {"required": True, "maxlength": 120, "autocomplete": "off", "dir": "auto"}


def _text(rows: int) -> dict[str, Any]:
    return {"rows": rows, "maxlength": TEXT_CHARS, "dir": "auto"}


class FacedForm(Form):
    """What a character and a persona have in common."""

    name = StringField("Name", default="", render_kw=NAME)
    avatar = FileField("Picture", description=f"{PICTURES} Without one, the first letter of the name stands for it.")
    remove_avatar = BooleanField("Take the picture away")

    @property
    def picture(self) -> bytes | None:
        """The bytes that were sent; none of them to take the picture away, None to leave it as it is."""
        file = request.files.get("avatar")
        if file and file.filename:
            return file.stream.read(PICTURE_BYTES + 1)
        return b"" if self.remove_avatar.data else None


class CharacterForm(FacedForm):
    description = TextAreaField(
        "Who it is",
        default="",
        description="Told to the model, so say the name in it: who this is, how they speak, what they want. "
        "In all these texts {{char}} stands for its name and {{user}} for that of whoever chats with it.",
        render_kw=_text(9),
    )
    greeting = TextAreaField(
        "Greeting", default="", description="The first message of every new chat. Markdown works.", render_kw=_text(5)
    )
    tags = StringField(
        "Tags", default="", description="With commas between them.", render_kw={"autocomplete": "off", "maxlength": 600}
    )
    system_prompt = TextAreaField(
        "System prompt", default="", description="Comes before everything about the character.", render_kw=_text(4)
    )
    post_history_prompt = TextAreaField(
        "After the history",
        default="",
        description="Stands right before your newest message. What is said here is remembered best.",
        render_kw=_text(3),
    )
    is_shared = BooleanField("Everybody in the team may chat with it and see what it is told")

    @classmethod
    def of(cls, character: Character, *, is_shared: bool) -> "CharacterForm":
        values = {name: getattr(character, name) for name in ("name", *service.TEXTS)}
        return cls.fresh(**values, tags=", ".join(character.tags), is_shared=is_shared)

    @property
    def wish(self) -> service.Wish:
        texts: dict[str, Any] = {name: self[name].data or "" for name in ("name", *service.TEXTS)}
        tags = [self.tags.data or ""]
        return service.Wish(**texts, tags=tags, is_shared=bool(self.is_shared.data), avatar=self.picture)


class PersonaForm(FacedForm):
    description = TextAreaField(
        "Who you are",
        default="",
        description="Told to the model word for word: your name, and what your counterpart should know of you.",
        render_kw={**_text(6), "required": True},
    )
    is_default = BooleanField("Use it in new chats with characters")

    @classmethod
    def of(cls, persona: Persona) -> "PersonaForm":
        return cls.fresh(name=persona.name, description=persona.description, is_default=persona.is_default)

    @property
    def wish(self) -> personas.Wish:
        name, description = self.name.data or "", self.description.data or ""
        return personas.Wish(name, description, avatar=self.picture, is_default=bool(self.is_default.data))
