"""The forms of characters and personas."""

from collections.abc import Sequence
from typing import Any

from flask import request
from wtforms import BooleanField, FileField, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField

from webapp.base.languages import gettext as _
from webapp.characters import queries
from webapp.characters.cards.cards import NAME_CHARS, notes_of
from webapp.characters.profiles import PICTURE_BYTES, PICTURES, checked_tags
from webapp.characters.service import CharacterInput, kept
from webapp.characters.tables import Character
from webapp.knowledge.tables import Collection
from webapp.models.presets.tables import Preset
from webapp.tools.tool import Tool
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import InputForm, options
from webapp.web.merging_form import MergingForm

NAME: dict[str, Any] = {"autocomplete": "off", "dir": "auto"}
LINE: dict[str, Any] = {**NAME, "maxlength": NAME_CHARS}
NOTE_ROLES = {"system": "System", "user": "Person", "assistant": "Model"}
USUAL = {"note_depth": "4", "note_role": "system", "talkativeness": "0.5"}
# The texts that can be emptied; a field that wasn't sent keeps its text.
EMPTIED = ("preset_id", "personality", "scenario", "example_dialogue", "note", "character_note", "nickname", "creator", "version")


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
    personality = TextAreaField("Personality", description="In a few words: curious, stubborn, kind.", render_kw=text_box(2))
    scenario = TextAreaField(
        "Scenario", description="Where you meet, and what is happening when the chat starts.", render_kw=text_box(3)
    )
    example_dialogue = TextAreaField(
        "Example dialogue",
        description="Shows how it talks. Start each example with <START> on a line of its own, and each line with {{user}}: or "
        "{{char}}:",
        render_kw=text_box(5),
    )
    greeting = TextAreaField(
        "Greeting", description="The first message of every new chat. Markdown is supported.", render_kw=text_box(5)
    )
    note = TextAreaField(
        "Note",
        description="What this character is for, in a sentence. Shown in the list, but not to models.",
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
    character_note = TextAreaField(
        "Character's note",
        description="Repeated among the latest messages so it isn't forgotten in a long chat.",
        render_kw=text_box(3),
    )
    note_depth = StringField(
        "Depth of the note",
        description="How many messages come after it.",
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 5},
    )
    note_role = SelectField("Role of the note", choices=options(NOTE_ROLES), description="Whose message it is.")
    talkativeness = StringField(
        "Talkativeness",
        description="In groups where talkative characters speak more often: 0 (never at random) to 1. The default is 0.5.",
        render_kw={"inputmode": "decimal", "autocomplete": "off", "maxlength": 5},
    )
    nickname = StringField("Nickname", description="What {{char}} becomes, instead of the name.", render_kw=LINE)
    creator = StringField("Creator", render_kw=LINE)
    version = StringField("Version", render_kw=LINE)
    collections = SelectMultipleField(
        "Knowledge",
        choices=[],
        default=(),
        description="Its answers can quote these collections, if the person asking can see them.",
    )
    tools = SelectMultipleField(
        "Tools",
        choices=[],
        default=(),
        description="Turned on in its new chats, if the person chatting can use them.",
    )
    preset_id = SelectField(
        "Preset", choices=[], default="", description="Its new chats start with it, if the person chatting can use it."
    )
    is_shared = BooleanField("Everyone on the team can chat with it and see its prompts")

    @property
    def groups(self) -> list[FieldGroup]:
        # The usual values aren't worth a word in the group's summary.
        for name, usual in USUAL.items():
            self[name].default = usual
        knows = [FieldGroup(self.collections.label.text, [self.collections], is_quiet=True)] if self.collections.choices else []
        knows += [FieldGroup(self.tools.label.text, [self.tools], is_quiet=True)] if self.tools.choices else []
        knows += [FieldGroup(self.preset_id.label.text, [self.preset_id], is_quiet=True)] if self.preset_id.choices[1:] else []
        more = (self.character_note, self.note_depth, self.note_role, self.talkativeness)
        return [
            *knows,
            FieldGroup(_("Advanced prompts"), [self.system_prompt, self.post_history_prompt], is_quiet=True),
            FieldGroup(_("More"), [*more, self.nickname, self.creator, self.version], is_quiet=True),
        ]

    @classmethod
    def for_character(cls, character: Character) -> "CharacterForm":
        more = {"note": notes_of(character.card)[0], "is_shared": queries.is_shared(character)}
        fields = {name: f"{value:g}" if isinstance(value, int | float) else value for name, value in kept(character).items()}
        return cls.from_row(character, tags=", ".join(character.tags), **fields, **more)

    def among(self, collections: Sequence[Collection], tools: Sequence[Tool], presets: Sequence[Preset]) -> "CharacterForm":
        """Returns the form with the collections that the person can see, and the tools and presets that they can use."""
        self.collections.choices = [SelectChoice(collection.id, collection.name) for collection in collections]
        self.tools.choices = [SelectChoice(tool.key, tool.words) for tool in tools]
        names, current = {preset.id: preset.name for preset in presets}, self.preset_id.data or ""
        others = {current: _("One that you can't use")} if current and current not in names else {}
        self.preset_id.choices = options({"": _("None")} | names | others)
        return self

    @property
    def values(self) -> dict[str, Any]:
        texts = {name: self[name].data for name in EMPTIED if self[name].data is not None}
        return super().values | texts | {"tags": checked_tags([self.tags.data or ""])}
