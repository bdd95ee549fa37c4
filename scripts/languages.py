"""The catalogues of the languages: `extract` brings `languages/*.po` up to date with templates, code and scripts.

A new language: `python -m scripts.languages begin fr Français`.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from io import BytesIO
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes
from jinja2.ext import babel_extract, extract_from_ast
from wtforms import HiddenField
from wtforms.fields.core import UnboundField

from webapp.app import FEATURES
from webapp.web.assets import SCRIPT_TEXT
from webapp.web.forms import Form, texts_of as texts_of_field
from webapp.web.translation import LETTERS, is_translated, texts_of

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "languages"
CALLS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "ngettext": (1, 2)}
Message = tuple[str, int, str | tuple[str, ...], list[str]]
# Begins a comment for translators.
NOTE = "Translators:"
OPTIONS = {"extensions": "jinja2.ext.i18n", "newstyle_gettext": "true", "trimmed": "true", "silent": "false"}
TEMPLATES = Environment(extensions=["jinja2.ext.i18n"])
TEMPLATES.policies["ext.i18n.trimmed"] = True
TEMPLATES.newstyle_gettext = True  # type: ignore[attr-defined]
# Data of the code with words that pages show, and look up when they do: the constants of these modules. Forms are found anyway.
SHOWN = {
    "app": ["FEATURES"],
    "base.db": ["DAMAGED"],
    "base.heavy.threads": ["ALL_THREADS"],
    "characters.lore.forms": ["FOREIGN", "GROUPS"],
    "characters.shown": ["ORDERS"],
    "chat.erasing": ["WORDS"],
    "chat.calls.lines": ["STATES", "LEFT", "FOR_AN_ANSWER"],
    "chat.calls.questions": ["IN_UTC"],
    "chat.calls.tools_shown": ["POLICIES", "OFF", "ASKS_YOU"],
    "workspace.home.welcome_shown": ["SENTENCES"],
    "chat.facts.forgetting": ["REMOVED"],
    "chat.files.attachments": ["ABOUT_LONG", "IN_PASSAGES", "NOT_HERE", "NOT_READ"],
    "workspace.links.forms": ["LIVES"],
    "workspace.links.views": ["SHOWN"],
    "workspace.list.search_shown": ["ACTIONS"],
    "workspace.list.shown": ["DIVISIONS"],
    "chat.messages.renderings": ["LABELS", "TICKS", "VIEWS"],
    "workspace.page.answer_shown": ["NEXT", "NEXT_OF_KEY", "BY_ADMINS", "REASONS"],
    "workspace.page.mention_views": ["LABELS", "GROUP_LABEL"],
    "workspace.page.mentions_shown": ["ABOUT"],
    "workspace.projects.service": ["WORDS"],
    "workspace.previews.shown": ["NAMES", "OF_TABLE"],
    "workspace.texts.shown": ["FORMATS"],
    "workspace.presets.forms": ["SYSTEM_PROMPT"],
    "workspace.presets.views": ["SHARED"],
    "chat.prompt.section_order": ["MOVABLE"],
    "chat.record.fields": ["MEMORY", "NOTE", "PARAMETERS", "PROMPTS", "TUNING"],
    "workspace.roleplay.forms": ["ALONE", "CREATIVITY", "LOREBOOKS", "OWN", "PERSONA"],
    "workspace.home.starters.service": ["SHIPPED"],
    "knowledge.documents.chat_files": ["ABOUT"],
    "knowledge.documents.project_files": ["ABOUT"],
    "knowledge.formats": ["LABELS"],
    "knowledge.shown": ["OF_CHAT", "OF_PROJECT", "STATES"],
    "knowledge.sources": ["DELETED", "REPLACED", "WITHHELD"],
    "models.connections.shown": ["ABILITIES", "FINER_ABILITIES", "NO_MODEL", "SOURCES", "SOURCES_WITH_ENDING"],
    "models.providers.demo_texts": [
        "ADD_A_KEY",
        "CALCULATED",
        "CALCULATING",
        "CLOSING_THE_TAB",
        "COST",
        "FURTHER",
        "GREETING",
        "PICTURES",
        "PRIVACY",
        "REFLECTION",
        "SEARCHES_FOUND",
        "SEARCHING",
        "STOPPING",
        "THANKS",
        "TOOLS_ANSWER",
        "TOOLS_ASK",
        "TOOLS_CHOICES",
        "TOOLS_CHOSEN",
        "TOOLS_FAILED",
        "TOOLS_FOUND",
        "TOOLS_LOOK",
        "TOOLS_NOTHING",
        "TOOLS_OTHER",
        "TOOLS_QUESTION",
        "WHAT_IT_IS",
        "WHO_I_AM",
    ],
    "operations.alerts.kinds": ["IN_WORDS", "KINDS"],
    "operations.alerts.shown": ["STATES"],
    "operations.budgets.forms": ["UNITS"],
    "operations.budgets.periods": ["PER", "WHOSE"],
    "operations.budgets.shown": ["KINDS", "USED"],
    "operations.experiments.card": ["OUTCOMES", "NONE_COUNTS", "LATER", "SOONER", "CHANCE"],
    "operations.health.facts": [
        "KEEP_KEY",
        "NETWORK_DISK",
        "NIGHTLY",
        "NO_CONTENT",
        "NO_HTTPS",
        "NO_REDIS",
        "REMEDIES",
        "SET_IT",
        "TITLES",
        "UNREADABLE",
        "UNSEEN",
    ],
    "operations.health.nightly": ["NOT_HERE", "SAME_DISK", "TURNED_OFF"],
    "operations.health.views": ["PAUSED"],
    "operations.insights.shown": [
        "LAST",
        "NO_MODEL",
        "NO_PROMPT",
        "PERIOD_WORDS",
        "PRIVATE",
        "REASONS",
        "REPAIRS",
        "STATUSES",
        "VISITORS",
    ],
    "operations.keeping.holdings": ["HOLDINGS"],
    "operations.notices.queries": ["GONE", "HELD", "STATES"],
    "operations.schedules.forms": ["NEW_CHAT"],
    "operations.schedules.shown": ["RUN_STATES", "STATES"],
    "operations.sign_on.forms": ["ROLES_GIVEN"],
    "operations.sign_on.log": ["WAYS", "WITHOUT_DEVICE"],
    "operations.usage.shown": ["GONE"],
    "people.audit_words": ["ACTIONS", "KINDS"],
    "people.accounts.roles": ["ROLES", "RIGHTS", "PERMISSIONS"],
    "people.members.receipts": ["WITHIN", "WORDS"],
    "people.notices.kinds": ["KINDS"],
    "people.search_words": ["KEYS"],
    "people.shortcuts": ["SHORTCUTS", "FIXED"],
    "prompts.queries": ["FIRST_NOTE"],
    "prompts.shown": ["HEADINGS"],
    "settings.catalog": ["SECTIONS"],
    "settings.parts": ["PARTS"],
    "workspace.frame.secrets_views": ["OUTCOMES"],
    "tools.built_in.make_picture": ["GONE", "NOT_SET_UP"],
    "tools.built_in.run_python": ["NOT_INSTALLED"],
    "tools.fuse": ["WORDS"],
    "tools.outside": ["SENTENCES"],
    "tools.search_connections": ["KINDS", "NOT_SET_UP"],
    "tools.servers.known": ["KNOWN"],
    "tools.servers.shown": ["SIGN_INS", "STATES"],
    "tools.shown": ["DECIDED", "TOOL_GROUPS", "WORDS"],
    "web.errors": ["DAMAGED_WORDS", "DATABASE_WORDS", "HOME", "MESSAGES", "NO_DATABASE", "TITLES"],
    "web.health_facts": ["SIGNS"],
    "web.navigation": ["AREAS", "GO_TO", "SIDEBAR"],
    "workflows.editor.cards": ["ANSWERS", "BRANCHES", "HOLDS_MORE", "IN_BRACKETS", "KINDS", "NO_FORM", "UNKNOWN_SLOT"],
    "workflows.editor.diagram": ["SIGNS", "VERBS"],
    "workflows.editor.schema": ["DESCRIPTIONS"],
    "workflows.editor.text": ["FAULT_SENTENCES"],
    "workflows.editor.views": ["NO_ABOUT"],
    "workflows.shown": ["FORMATS", "OPEN", "STATES"],
}
# Where pages are made.
ROOMS = (
    "people",
    "models",
    "knowledge",
    "tools",
    "characters",
    "prompts",
    "chat",
    "plans",
    "workflows",
    "operations",
    "workspace",
)
# Of an object among them, the attributes with words; of mappings their values, and of some of them their keys.
ATTRIBUTES: Mapping[str, Iterable[str]] = {
    "AlertKind": ["title", "unit_word", "condition", "special", "earlier"],
    "BuiltIn": ["title", "about", "variables"],
    "Feature": ["navigation", "brings"],
    "Holding": ["title", "noun", "rule"],
    "KnownServer": ["about", "help"],
    "NavEntry": ["title", "tab", "about"],
    "NoticeKind": ["label"],
    "SuccessMeasure": ["label", "good", "noun"],
    "SettingsPart": ["title", "words", "about"],
    "Right": ["title", "sentence"],
    "SearchKind": ["about"],
    "SearchSource": ["heading"],
    "Setting": ["title", "sentence", "labels"],
    "Shortcut": ["words"],
    "Starter": ["words", "hint", "form_words"],
    "Thing": ["rights", "words"],
    "ThreadGroup": ["purpose"],
    "Tool": ["title", "about"],
    "ToolGroup": ["title", "about"],
}
WITH_KEYS, OF_KEYS = {"FAULT_SENTENCES", "SECTIONS"}, {"GROUPS", "SIDEBAR"}


def messages() -> Iterator[Message]:
    """Yields each text with the file and the line of where it is, and the notes for translators."""
    for file in sorted((ROOT / "templates").rglob("*.html")):
        name = str(file.relative_to(ROOT / "templates"))
        if is_translated(name):
            yield from _of_template(file, name)
    for file in sorted((ROOT / "webapp").rglob("*.py")):
        source = file.read_bytes()
        if b"gettext" in source:
            yield from _called(extract_python(BytesIO(source), CALLS, [NOTE], {}), file)
        if b"webapp.web.filters import" in source:
            yield from _counted(extract_python(BytesIO(source), {"plural": None}, [], {}), file)
    # A server imports pages, and their forms, with the first request to them.
    for path in (path for feature in FEATURES for path in feature.blueprints):
        resolve_name(path)
    # Lists that rooms add to are in the order in which the rooms were imported.
    yield from sorted(_of_data(), key=lambda message: (message[0], str(message[2])))
    yield from _of_forms(Form)
    for file in sorted((ROOT / "static" / "js").rglob("*.js")):
        yield from ((_name(file), 0, ast.literal_eval(match[1]), []) for match in SCRIPT_TEXT.finditer(file.read_text("utf-8")))


def catalog() -> Catalog:
    """Returns a catalogue of all texts, without translations."""
    whole = Catalog(project="Millrace", charset="utf-8")
    for file, line, words, notes in messages():
        whole.add(words, locations=[(file, line)], auto_comments=notes)
    return whole


def extract() -> None:
    """Adds new texts to each language, and takes out those that are no longer used."""
    whole = catalog()
    for file in FOLDER.glob("*.po"):
        file.write_bytes(updated(file, whole))


def updated(file: Path, whole: Catalog) -> bytes:
    """Returns a language's catalogue as it is with these texts."""
    with file.open("rb") as source:
        known = read_po(source, locale=file.stem.replace("-", "_"))
    known.update(whole, no_fuzzy_matching=True, update_creation_date=False)
    known.obsolete.clear()
    return _written(known)


def begin(code: str, name: str) -> None:
    """Makes the catalogue of a new language, in which nothing is translated."""
    empty = Catalog(locale=code.replace("-", "_"), header_comment=f"# {name}.", charset="utf-8", language_team=name, fuzzy=False)
    (FOLDER / f"{code}.po").write_bytes(_written(empty))
    extract()


def _of_template(file: Path, name: str) -> Iterator[Message]:
    source = file.read_text("utf-8")
    for text in texts_of(iter(TEMPLATES.lexer.tokenize(source, name))):
        yield _name(file), text.line, text.words, []
    template = TEMPLATES.parse(source)
    # What the filter `plural` makes of a noun.
    for node in template.find_all(nodes.Filter):
        if node.name == "plural" and isinstance(node.args[0], nodes.Const):
            yield _counting(file, node.lineno, node.args[0].value)
    if NOTE in source:
        yield from _called(babel_extract(BytesIO(source.encode()), tuple(CALLS), [NOTE], OPTIONS), file)
    else:
        yield from _called(((*found, []) for found in extract_from_ast(template, tuple(CALLS))), file)


def _called(found: Iterable[tuple[Any, ...]], file: Path) -> Iterator[Message]:
    for line, function, words, notes, *_ in found:
        if function == "ngettext" and isinstance(words, tuple):
            # Others are counted words that come from elsewhere.
            if isinstance(words[0], str) and isinstance(words[1], str):
                yield _name(file), line, (words[0], words[1]), notes
        elif text := words[0] if isinstance(words, tuple) else words:
            yield _name(file), line, str(text), notes


def _counted(found: Iterable[tuple[Any, ...]], file: Path) -> Iterator[Message]:
    """Yields what `plural` of the filters makes of nouns in code."""
    for line, _, words, *_notes in found:
        if isinstance(words, tuple) and words[-1]:
            yield _counting(file, line, words[-1])


def _counting(file: Path, line: int, noun: str) -> Message:
    return _name(file), line, (f"%(num)s {noun}", f"%(num)s {noun}s"), []


def _of_data() -> Iterator[Message]:
    for name, constants in (*SHOWN.items(), *_results().items()):
        module = import_module(f"webapp.{name}")
        for constant in constants:
            value = vars(module)[constant]
            words = _words([*value] if constant in OF_KEYS else [*value, value] if constant in WITH_KEYS else value)
            file = _name(Path(module.__file__ or ""))
            yield from ((file, 0, text, []) for text in words if isinstance(text, tuple) or LETTERS.search(text))


def _results() -> dict[str, list[str]]:
    """Returns the modules that say on the next page what a form has done."""
    files = [file for room in ROOMS for file in sorted((ROOT / "webapp" / room).rglob("*.py"))]
    found = [file.relative_to(ROOT / "webapp") for file in files if "\nDONE = {" in file.read_text("utf-8")]
    return {".".join(file.with_suffix("").parts): ["DONE"] for file in found}


def _words(value: Any) -> Iterator[str | tuple[str, str]]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _words([*value.values()])
    elif names := ATTRIBUTES.get(type(value).__name__):
        yield from _words([getattr(value, name) for name in names if name != "noun"])
        if "noun" in names:
            yield f"%(num)s {value.noun}", f"%(num)s {value.noun}s"
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _words(item)


def _of_forms(form: type[Form]) -> Iterator[Message]:
    file = f"{form.__module__.replace('.', '/')}.py"
    for field in vars(form).values() if form.__module__.startswith("webapp.") else ():
        if isinstance(field, UnboundField) and field.field_class is not HiddenField:
            yield from ((file, 0, text, []) for text in texts_of_field(field) if LETTERS.search(text))
    # Not in the order in which they were imported.
    for below in sorted(form.__subclasses__(), key=lambda kind: (kind.__module__, kind.__qualname__)):
        yield from _of_forms(below)


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _written(known: Catalog) -> bytes:
    content = BytesIO()
    write_po(content, known, width=120, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    return content.getvalue()


if __name__ == "__main__":
    commands: dict[str, Callable[..., None]] = {"extract": extract, "begin": begin}
    commands[sys.argv[1]](*sys.argv[2:])
