"""The forms of lorebooks and their entries."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import BooleanField, FileField, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField

from webapp.base.errors import Invalid
from webapp.characters.lore.editing import BookInput, EntryInput
from webapp.characters.lore.entries import (
    CONTENT_CHARS,
    DEPTH,
    MOST_NUMBER,
    OUTLET,
    TITLE_CHARS,
    number_of,
    outlet_of,
    text_of,
    texts_of,
    triggers_of,
)
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import Form, options
from webapp.web.merging_form import MergingForm

WHOLE: dict[str, Any] = {"inputmode": "numeric", "autocomplete": "off", "maxlength": 7}
LINES: dict[str, Any] = {"dir": "auto", "spellcheck": "false"}
PLACES = {"0": "Before the character", "1": "After the character", "4": "Among the messages"}
PLACES |= {"2": "Above the author's note", "3": "Below the author's note", "7": "Where a text asks for its outlet"}
# Positions that only entries from other programs have.
FOREIGN = {"5": "Above the examples", "6": "Below the examples"}
LOGICS = {"0": "One of them is there", "3": "All of them are there", "1": "One of them is missing", "2": "None of them is there"}
# When an entry is sent: SillyTavern's trigger names, and our labels.
OCCASIONS = {"normal": "Answers", "swipe regenerate": "Try again", "continue": "Continue", "impersonate": "Write my next message"}
ROLES = {"0": "System", "1": "Person", "2": "Model"}
# For each field: the name in the extensions, the default, and the bounds.
NUMBERS: Mapping[str, tuple[str, int | None, int, int]] = {
    "depth": ("depth", 4, 0, 10_000),
    "chance": ("probability", 100, 0, 100),
    "scan_depth": ("scan_depth", None, 0, 1_000),
    "stays": ("sticky", 0, 0, MOST_NUMBER),
    "silent": ("cooldown", 0, 0, MOST_NUMBER),
    "waits": ("delay", 0, 0, MOST_NUMBER),
    "weight": ("group_weight", 100, 1, MOST_NUMBER),
}
FLAGS = {
    "whole_words": "match_whole_words",
    "is_exact": "case_sensitive",
    "takes_precedence": "group_override",
    "is_scored": "use_group_scoring",
    "brings_none": "prevent_recursion",
    "is_not_brought": "exclude_recursion",
}

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


class BookForm(MergingForm):
    name = StringField("Name", default="", render_kw={"required": True, "maxlength": TITLE_CHARS, "autocomplete": "off"})
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
        return FieldGroup("Name and settings", [*fields, self.is_always] if is_own else fields, is_quiet=True)

    @classmethod
    def of(cls, book: Mapping[str, Any], name: str, *, is_always: bool = False) -> "BookForm":
        depth, most = number_of(book.get("scan_depth"), DEPTH), number_of(book.get("token_budget"), 0)
        recursive = book.get("recursive_scanning") is True
        return cls.fresh(
            name=name, is_always=is_always, scan_depth=str(depth), token_budget=str(most or ""), is_recursive=recursive
        )

    @property
    def entered(self) -> BookInput:
        return BookInput(
            name=self.name.data or "",
            scan_depth=_integer(self, "scan_depth", DEPTH, 0, 1_000),
            token_budget=_integer(self, "token_budget", 0, 0, MOST_NUMBER),
            is_recursive=bool(self.is_recursive.data),
        )


class LorebookFileForm(Form):
    file = FileField("File", description="A World Info file from SillyTavern, or another lorebook or card as JSON, up to 2 MB.")


class EntryForm(Form):
    # A hash of the entry when the page was opened, to detect that another one has moved to its index.
    was = StringField("was", default="")
    title = StringField(
        "Title",
        default="",
        description="Without keys and content, it is a heading among the others.",
        render_kw={"maxlength": TITLE_CHARS, "autocomplete": "off", "dir": "auto"},
    )
    keys = TextAreaField(
        "Keys",
        default="",
        description="One on each line. /…/i is a regular expression. {{char}} and {{user}} stand for names.",
        render_kw={"rows": 3, **LINES},
    )
    content = TextAreaField(
        "Content",
        default="",
        description="The text that the model gets.",
        render_kw={"rows": 6, "maxlength": CONTENT_CHARS, **LINES},
    )
    is_enabled = BooleanField("Enabled", default=True)
    is_constant = BooleanField("Always send it, without looking for keys")
    others = TextAreaField(
        "Further keys", default="", description="One on each line.", render_kw={"rows": 2, "spellcheck": "false"}
    )
    logic = SelectField("Condition", choices=options(LOGICS), default="0", validate_choice=False)
    position = SelectField("Place", choices=options(PLACES), default="0", validate_choice=False)
    depth = StringField("Depth", default="4", description="Among the messages: how many of them come after it.", render_kw=WHOLE)
    outlet = StringField(
        "Outlet",
        default="",
        description="A name. {{outlet::name}} in another text puts the entry there.",
        render_kw={"maxlength": TITLE_CHARS, "autocomplete": "off"},
    )
    role = SelectField("Role", choices=options(ROLES), default="0", validate_choice=False)
    order = StringField("Order", default="100", description="The highest is last, nearest to the end.", render_kw=WHOLE)
    priority = StringField("Priority", default="0", description="The lowest is the first left out.", render_kw=WHOLE)
    chance = StringField("Chance in percent", default="100", render_kw=WHOLE)
    scan_depth = StringField("Messages searched", default="", description="As the lorebook says if empty.", render_kw=WHOLE)
    whole_words = BooleanField("Whole words only")
    is_exact = BooleanField("Match upper and lower case")
    stays = StringField("Stays for (messages)", default="0", render_kw=WHOLE)
    silent = StringField("Then pauses for (messages)", default="0", render_kw=WHOLE)
    waits = StringField("Starts after (messages)", default="0", render_kw=WHOLE)
    group = StringField("Group", default="", description="Of a group, one entry is sent.", render_kw={"maxlength": 120})
    weight = StringField("Weight in its group", default="100", render_kw=WHOLE)
    takes_precedence = BooleanField("Takes precedence in its group")
    is_scored = BooleanField("In its group, the entry with the most matching keys wins")
    brings_none = BooleanField("Doesn't trigger others")
    is_not_brought = BooleanField("Isn't triggered by others")
    triggers = SelectMultipleField(
        "Only for",
        choices=options(OCCASIONS),
        default=(),
        validate_choice=False,
        description="With none of them, it is sent for everything.",
    )
    is_brought_only = BooleanField("Only when another entry triggers it")

    @property
    def groups(self) -> list[FieldGroup]:
        return [FieldGroup(title, [self[name] for name in names], is_quiet=True) for title, names in GROUPS.items()]

    @classmethod
    def of(cls, entry: Mapping[str, Any], was: str) -> "EntryForm":
        more = entry.get("extensions")
        more = more if isinstance(more, dict) else {}
        numbers = {name: more.get(theirs) for name, (theirs, *_) in NUMBERS.items()}
        if more.get("useProbability") is False:
            numbers["chance"] = None
        is_exact = (entry.get("case_sensitive") or more.get("case_sensitive")) is True
        usual = 0 if entry.get("position", "before_char") == "before_char" else 1
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
            logic=str(number_of(more.get("selectiveLogic"), 0)),
            position=str(number_of(more.get("position"), usual)),
            role=str(number_of(more.get("role"), 0)),
            outlet=outlet_of(more),
            group=text_of(more.get("group"), 120),
            is_brought_only=bool(more.get("delay_until_recursion")),
            triggers=_occasions(triggers_of(more)),
            **{name: _number_text(value, NUMBERS[name][1]) for name, value in numbers.items()},
            **{name: more.get(theirs) is True for name, theirs in FLAGS.items()} | {"is_exact": is_exact},
        )

    def offer(self) -> "EntryForm":
        """Adds the entry's position to the choices if it comes from another program; returns the form."""
        if (value := self.position.data) in FOREIGN:
            self.position.choices = [*options(PLACES), SelectChoice(value, FOREIGN[value])]
        return self

    @property
    def entered(self) -> EntryInput:
        chosen_for = [trigger for trigger in self.triggers.data or () if trigger in OCCASIONS]
        numbers = {theirs: _integer(self, name, usual, least, most) for name, (theirs, usual, least, most) in NUMBERS.items()}
        flags = {theirs: bool(self[name].data) for name, theirs in FLAGS.items()}
        chosen = {
            "position": _choice(self.position.data, PLACES | FOREIGN),
            "role": _choice(self.role.data, ROLES),
            "selectiveLogic": _choice(self.logic.data, LOGICS),
        }
        outlet = (self.outlet.data or "").strip()
        if chosen["position"] == OUTLET and not outlet:
            raise Invalid("Enter the name of the outlet.", field="outlet")
        return EntryInput(
            title=self.title.data or "",
            content=(self.content.data or "").replace("\r\n", "\n"),
            keys=(self.keys.data or "").splitlines(),
            others=(self.others.data or "").splitlines(),
            is_enabled=bool(self.is_enabled.data),
            is_constant=bool(self.is_constant.data),
            order=_integer(self, "order", 100, -MOST_NUMBER, MOST_NUMBER) or 0,
            priority=_integer(self, "priority", 0, 0, 1_000) or 0,
            triggers=lambda triggers: _triggers(triggers, chosen_for),
            more={
                **numbers,
                **flags,
                **chosen,
                **({"outlet_name": outlet} if outlet else {}),
                "useProbability": True,
                "group": (self.group.data or "").strip(),
                "delay_until_recursion": bool(self.is_brought_only.data),
            },
        )


def _occasions(triggers: Sequence[str]) -> list[str]:
    return [occasion for occasion in OCCASIONS if not set(occasion.split()).isdisjoint(triggers)]


def _triggers(triggers: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """Returns an entry's triggers after these were chosen; keeps triggers that the form doesn't offer."""
    if _occasions(triggers) == list(chosen):
        return list(triggers)
    form_triggers = {name for occasion in OCCASIONS for name in occasion.split()}
    return [
        *(trigger for trigger in triggers if trigger not in form_triggers),
        *(name for occasion in chosen for name in occasion.split()),
    ]


def _integer(form: Form, name: str, usual: int | None, least: int, most: int) -> int | None:
    typed = (form[name].data or "").strip()
    if not typed:
        return usual
    if not typed.removeprefix("-").isdecimal() or not least <= int(typed) <= most:
        raise Invalid(f"Enter a whole number from {least:,} to {most:,}.", field=name)
    return int(typed)


def _choice(value: str | None, among: Mapping[str, str]) -> int:
    return int(value) if value and value in among else 0


def _number_text(value: Any, usual: int | None) -> str:
    number = number_of(value, -1)
    return str(number) if number >= 0 else "" if usual is None else str(usual)
