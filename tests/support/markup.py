"""The rules for every page and fragment: valid HTML, an accessible name for every control, no inline code."""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from hashlib import sha256

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tests.support.source import ROOT
from tests.support.syntax import PLAIN, WORDS, syntax_errors
from webapp.web.assets import SCRIPT_COMMENTS_AND_INDENTS, SCRIPT_TEXT

NAMED_BY_LABEL = "input:not([type=hidden]):not([type=submit]):not([type=button]):not([type=reset]), select, textarea"
REFERENCES = ("for", "form", "list", "aria-labelledby", "aria-describedby", "aria-controls")
# Ids and timestamps, which differ from page to page and do not matter to the rules; of a name, only its repetitions matter. A
# pattern that begins with a literal character is searched for faster than one that begins with a look-behind.
NAMES = re.compile(r"0(?<=\b0)[0-9a-z]{25}\b|20\d\d-\d\d-\d\dT[\d:.]+")
TITLE = rf'(?<= title=")(?=[^"]*?\w){PLAIN}'
# Positions, tokens, timestamps and titles: like words between tags, only their presence matters.
VALUES = re.compile(rf'="(?:(?<=value=")[\w.-]{{40,}}|(?<=datetime=")[\dT:.Z+-]+|{TITLE})(?=")|\?at=[\w.-]+')
# Of our own scripts, compressed; htmx is not counted, as the browser caches it permanently.
MOST_SCRIPT_BYTES = 20 * 1024
OUR_SCRIPT = re.compile(r"/static/js/([\w+-]+)\.js(\?|$)")
MOST_SCRIPTS, MOST_SHEETS = 8, 3
SCRIPT_ADDRESS = re.compile(r"\s*(javascript|data|vbscript):", re.IGNORECASE)


_good: set[bytes] = set()


def objections(html: str) -> list[str]:
    """Returns everything that is wrong with a page or with a fragment, which does not have to be a whole document.

    A page that differs from a valid one only in names and words is valid too, and is not parsed again.
    """
    if (likeness := likeness_of(html)) in _good:
        return []
    if not (found := _objections(html)):
        _good.add(likeness)
    return found


def likeness_of(html: str) -> bytes:
    """Returns a digest that is equal for pages with the same structure, whatever their names and words are."""
    numbers: dict[str, str] = {}
    plain = WORDS.sub("words", VALUES.sub("value", html))
    named = NAMES.sub(lambda name: numbers.setdefault(name[0], f"name-{len(numbers)}"), plain)
    return sha256(named.encode("utf-8", "surrogatepass")).digest()


def _objections(html: str) -> list[str]:
    is_page = html.lstrip()[:9].lower() == "<!doctype"
    tree = LexborHTMLParser(html)
    found = [*syntax_errors(html, is_page), *twins(tree), *nameless(tree), *inline_code(tree), *open_forms(tree)]
    return [*found, *incomplete(tree), *broken_references(tree), *heavy_scripts(tree)] if is_page else found


def incomplete(tree: LexborHTMLParser) -> Iterator[str]:
    title = tree.css_first("head > title")
    if not title or not title.text().strip():
        yield "the page has no title"
    if not (tree.root and tree.root.attributes.get("lang")):
        yield "the page does not say its language"
    if len(tree.css("main")) != 1:
        yield "the page has not exactly one <main>"
    if len(tree.css("h1")) != 1:
        yield "the page has not exactly one <h1>"


def heavy_scripts(tree: LexborHTMLParser) -> Iterator[str]:
    bundles = [found[1] for node in tree.css("script[src]") if (found := OUR_SCRIPT.search(node.attributes["src"] or ""))]
    names = [name for bundle in bundles for name in bundle.split("+")]
    if len(names) > len(set(names)):
        yield f"a script is loaded twice: {names}"
    if (size := sum(compressed_bytes(bundle) for bundle in bundles)) > MOST_SCRIPT_BYTES:
        yield f"the page loads {size} bytes of our scripts, {MOST_SCRIPT_BYTES} are allowed: {names}"
    if len(tree.css("script[src]")) > MOST_SCRIPTS:
        yield f"the page loads more than {MOST_SCRIPTS} scripts: join them with bundle()"
    if len(tree.css("link[rel=stylesheet]")) > MOST_SHEETS:
        yield f"the page loads more than {MOST_SHEETS} style sheets: join them with sheet()"


@cache
def compressed_bytes(bundle: str) -> int:
    """Returns the size of our scripts as the server sends them in English: joined, without comments, and compressed."""
    scripts = (
        SCRIPT_COMMENTS_AND_INDENTS.sub("", (ROOT / f"static/js/{name}.js").read_text("utf-8")) for name in bundle.split("+")
    )
    return len(gzip.compress(SCRIPT_TEXT.sub(r"\1", "\n".join(scripts)).encode()))


def twins(tree: LexborHTMLParser) -> Iterator[str]:
    counts = Counter(node.attributes["id"] for node in tree.css("[id]"))
    for id, count in counts.items():
        if count > 1 or not id:
            yield f"the id {id!r} is given {count} times"


def broken_references(tree: LexborHTMLParser) -> Iterator[str]:
    known = {node.attributes["id"] for node in tree.css("[id]")}
    for name in REFERENCES:
        for node in tree.css(f"[{name}]"):
            for wanted in (node.attributes[name] or "").split():
                if wanted not in known:
                    yield f"{opening(node)} refers by {name} to {wanted!r}, which is not there"


def nameless(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("img:not([alt])"):
        yield f"{opening(node)} has no alt"
    for node in tree.css("svg:not([aria-hidden=true]):not([role=img])"):
        yield f"{opening(node)} is neither hidden from assistive technology nor an image with a name"
    for node in tree.css(f"{NAMED_BY_LABEL}, button, a[href], summary"):
        if "hidden" not in node.attributes and not has_own_text(node) and not name_of(tree, node):
            yield f"{opening(node)} has no accessible name"


def open_forms(tree: LexborHTMLParser) -> Iterator[str]:
    for form in tree.css("form"):
        method = (form.attributes.get("method") or "").lower()
        if method not in ("get", "post") or not form.attributes.get("action"):
            # A form whose buttons have a formaction needs no action.
            if method == "post" and form.attributes.get("id") == "actions":
                continue
            yield f"{opening(form)} does not say what it does: action and method are needed, or the id actions for its buttons"


def inline_code(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("script:not([src]), style"):
        yield f"{opening(node)} stands in the page, where the content policy forbids it"
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            is_code = name == "style" or name.startswith(("on", "hx-on")) or (name == "data-hx-on")
            is_foreign = name in ("src", "srcset") and re.match(r"\s*(https?:)?//", value or "")
            if is_code or is_foreign or (name in ("href", "action", "formaction", "src") and SCRIPT_ADDRESS.match(value or "")):
                yield f"{opening(node)} must not have {name}={value!r}"


def name_of(tree: LexborHTMLParser, node: LexborNode) -> str:
    """Returns the accessible name by the rules we use: aria-label, aria-labelledby, its label, or its text."""
    if label := node.attributes.get("aria-label"):
        return words(label)
    if ids := node.attributes.get("aria-labelledby"):
        return words(" ".join(text_of(tree.css_first(f'[id="{id}"]')) for id in ids.split()))
    if node.tag in ("input", "select", "textarea"):
        return _label_of(tree, node) or words(node.attributes.get("title") or _button_text(node))
    return text_of(node) or words(node.attributes.get("title") or "")


def has_own_text(node: LexborNode) -> bool:
    """Whether text directly inside it names this button or link: most have some, and then no copy has to be searched."""
    is_plain = node.tag in ("a", "button", "summary") and not {"aria-hidden", "aria-labelledby"} & node.attributes.keys()
    return is_plain and bool(node.text(deep=False, strip=True))


def text_of(node: LexborNode | None) -> str:
    """Returns the text a screen reader would read: hidden parts are left out."""
    if node is None:
        return ""
    copy = LexborHTMLParser(node.html or "").body
    if copy is None:
        return ""
    for hidden in copy.css("[aria-hidden=true], [hidden], script, option"):
        hidden.decompose()
    return words(copy.text(separator=" "))


def words(text: str) -> str:
    return " ".join(text.split())


def opening(node: LexborNode) -> str:
    return re.sub(r"\s+", " ", (node.html or "").partition(">")[0])[:160] + ">"


def _label_of(tree: LexborHTMLParser, node: LexborNode) -> str:
    id = node.attributes.get("id")
    if id and (label := tree.css_first(f'label[for="{id}"]')):
        return text_of(label)
    parent = node.parent
    while parent is not None:
        if parent.tag == "label":
            return text_of(parent)
        parent = parent.parent
    return ""


def _button_text(node: LexborNode) -> str:
    is_button = node.tag == "input" and node.attributes.get("type") in ("submit", "button", "reset")
    return (node.attributes.get("value") or "") if is_button else ""
