"""The forms of lorebooks and their entries."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from wtforms import BooleanField, FileField, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField

from webapp.base.languages import gettext as _
from webapp.base.untrusted_json import JsonObject
from webapp.characters.lore.editing import FLAGS, GROUP_CHARS, NUMBERS, BookInput, EntryInput, occasions
from webapp.characters.lore.entries import CONTENT_CHARS, DEPTH, TITLE_CHARS, number_of, outlet_of, text_of, texts_of, triggers_of
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import Form, InputForm, options
from webapp.web.merging_form import MergingForm

WHOLE: JsonObject = {"inputmode": "numeric", "autocomplete": "off", "maxlength": 7}
LINES: JsonObject = {"dir": "auto", "spellcheck": "false"}
PLACES = {"0": "Before the character", "1": "After the character", "4": "Among the messages"}
PLACES |= {"2": "Above the author's note", "3": "Below the author's note", "7": "At its outlet"}
# Positions that only entries from other programs have.
FOREIGN = {"5": "Above the examples", "6": "Below the examples"}
LOGICS = {"0": "Any is present", "3": "All are present", "1": "Any is missing", "2": "None is present"}
OCCASIONS = {
    "normal": "Answers",
    "swipe regenerate": "Try again",
    "continue": "Continue",
    "impersonate": "Draft my next message",
}
ROLES = {"0": "System", "1": "Person", "2": "Model"}
# The folded fields of an entry, by group.
GROUPS: Mapping[str, Sequence[str]] = {
    "When it is sent": (
        *("others", "logic", "scan_depth", "whole_words", "is_exact"),
        *("triggers", "chance", "stays", "silent", "waits"),
    ),
    "Where it is sent": ("position", "outlet", "depth", "role", "order", "priority"),
    "Groups and recursion": (
        *("group", "weight", "takes_precedence", "is_scored"),
        *("brings_none", "is_not_brought", "is_brought_only"),
    ),
}


class BookForm(InputForm[BookInput], MergingForm):
    takes = BookInput
    name = StringField("Name", render_kw={"autocomplete": "off"})
    is_always = BooleanField("Use in all my chats with characters")
    scan_depth = StringField(
        "Messages searched", default="", description="How many of the last messages are searched for keys.", render_kw=WHOLE
    )
    token_budget = StringField(
        "Token limit",
        default="",
        description="For each answer; a quarter of the context window if empty.",
        render_kw=WHOLE,
    )
    is_recursive = BooleanField("Entries that are sent can trigger others")

    def settings(self, *, is_own: bool) -> FieldGroup:
        """Returns the folded fields of a lorebook; the one of a character can't be used elsewhere."""
        fields = (self.name, self.scan_depth, self.token_budget, self.is_recursive)
        return FieldGroup(_("Name and settings"), [*fields, self.is_always] if is_own else fields, is_quiet=True)

    @classmethod
    def of(cls, book: Mapping[str, Any], name: str, *, is_always: bool = False) -> Self:
        depth, most = number_of(book.get("scan_depth"), DEPTH), number_of(book.get("token_budget"), 0)
        recursive = book.get("recursive_scanning") is True
        return cls.fresh(
            name=name, is_always=is_always, scan_depth=str(depth), token_budget=str(most or ""), is_recursive=recursive
        )


class LorebookFileForm(Form):
    file = FileField("File", description="A World Info file from SillyTavern, or another lorebook or card as JSON, up to 2 MB.")


class EntryForm(InputForm[EntryInput]):
    takes = EntryInput
    # A hash of the entry when the page was opened, to detect that another one has moved to its index.
    was = StringField(default="")
    title = StringField(
        "Title",
        description="Without keys and content, it's just a heading.",
        render_kw={"autocomplete": "off", "dir": "auto"},
    )
    keys = TextAreaField(
        "Keys",
        default="",
        description="One on each line. /…/i is a regular expression. {{char}} and {{user}} stand for names.",
        render_kw={"rows": 3, **LINES},
    )
    content = TextAreaField("Content", description="The text that the model gets.", render_kw={"rows": 6, **LINES})
    is_enabled = BooleanField("Enabled")
    is_constant = BooleanField("Always send it, without looking for keys")
    others = TextAreaField("More keys", default="", description="One per line.", render_kw={"rows": 2, "spellcheck": "false"})
    logic = SelectField("Condition", choices=options(LOGICS))
    position = SelectField("Place", choices=options(PLACES))
    depth = StringField("Depth", description="Among the messages: how many of them come after it.", render_kw=WHOLE)
    outlet = StringField(
        "Outlet",
        description="A name. {{outlet::name}} in another text puts the entry there.",
        render_kw={"autocomplete": "off"},
    )
    role = SelectField("Role", choices=options(ROLES))
    order = StringField("Order", description="The highest goes last, nearest the end.", render_kw=WHOLE)
    priority = StringField("Priority", description="The lowest is left out first.", render_kw=WHOLE)
    chance = StringField("Chance in percent", render_kw=WHOLE)
    scan_depth = StringField("Messages searched", description="If empty, the lorebook's setting applies.", render_kw=WHOLE)
    whole_words = BooleanField("Whole words only")
    is_exact = BooleanField("Match case")
    stays = StringField("Stays for (messages)", render_kw=WHOLE)
    silent = StringField("Then pauses for (messages)", render_kw=WHOLE)
    waits = StringField("Starts after (messages)", render_kw=WHOLE)
    group = StringField("Group", description="Only one entry per group is sent.")
    weight = StringField("Weight in its group", render_kw=WHOLE)
    takes_precedence = BooleanField("Takes precedence in its group")
    is_scored = BooleanField("In its group, the entry with the most matching keys wins")
    brings_none = BooleanField("Doesn't trigger others")
    is_not_brought = BooleanField("Isn't triggered by others")
    triggers = SelectMultipleField(
        "Only for", choices=options(OCCASIONS), description="If none are selected, it's sent for everything."
    )
    is_brought_only = BooleanField("Only when another entry triggers it")

    @property
    def groups(self) -> list[FieldGroup]:
        return [FieldGroup(_(title), [self[name] for name in names], is_quiet=True) for title, names in GROUPS.items()]

    @classmethod
    def of(cls, entry: Mapping[str, Any], was: str) -> Self:
        more = entry.get("extensions")
        more = more if isinstance(more, dict) else {}
        numbers = {name: str(number) for name, theirs in NUMBERS.items() if (number := number_of(more.get(theirs), -1)) >= 0}
        if more.get("useProbability") is False:
            numbers.pop("chance", None)
        is_exact = (entry.get("case_sensitive") or more.get("case_sensitive")) is True
        usual = "0" if entry.get("position", "before_char") == "before_char" else "1"
        return cls.fresh(
            was=was,
            title=text_of(entry.get("comment") or entry.get("name"), TITLE_CHARS),
            keys="\n".join(texts_of(entry.get("keys"))),
            others="\n".join(texts_of(entry.get("secondary_keys"))),
            content=text_of(entry.get("content"), CONTENT_CHARS),
            is_enabled=entry.get("enabled") is not False,
            is_constant=entry.get("constant") is True,
            order=str(number_of(entry.get("insertion_order"), 100)),
            priority=str(number_of(entry.get("priority"), 0)),
            outlet=outlet_of(more),
            group=text_of(more.get("group"), GROUP_CHARS),
            is_brought_only=bool(more.get("delay_until_recursion")),
            triggers=occasions(triggers_of(more)),
            **{"position": usual} | numbers,
            **{name: more.get(theirs) is True for name, theirs in FLAGS.items()} | {"is_exact": is_exact},
        )

    def offer(self) -> Self:
        """Adds the entry's position to the choices if it comes from another program; returns the form."""
        if (value := self.position.data) in FOREIGN:
            self.position.choices = [*self.position.choices, SelectChoice(value, _(FOREIGN[value]))]
        return self

    @property
    def values(self) -> JsonObject:
        return super().values | {name: (self[name].data or "").splitlines() for name in ("keys", "others")}
