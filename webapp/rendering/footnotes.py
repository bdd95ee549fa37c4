"""Footnotes: `[^1]` links to the line `[^1]: …` of the same message, which links back. Pure.

A number is always a reference, a word only if it is defined. Held markup passes the sanitiser as letters and digits; ids and
URLs contain `SCOPE`, which the message replaces with its id.
"""

import re
from collections.abc import Iterable, Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

SCOPE = "\ue002"
VIEW = re.compile(f'<a class="view" href="/messages/{SCOPE}[^>]*>[^<]*</a>')
CITE = re.compile('(&nbsp;)?<a class="cite" href="/messages/[^>]*>([0-9]*)</a>')
REFERENCE = re.compile(r"\[\^([\w-]{1,30})\](?!:)")
DEFINITION = re.compile(r"\[\^([\w-]{1,30})\]:[ \t]*")
PLACEHOLDER = re.compile("\ue000(ref|again|note|twin|back|view|table|small|medium|large|cite|calls)-([0-9a-f]*)\ue001")
# Where tools were called: filled on the pages of the chat, for each reader.
CALLS = re.compile(r'<div class="calls" id="message-[^"]*-calls-([0-9]+)"></div>')
VIEW_LINK = '<a class="view" href="/messages/{{0}}/preview?block={{1}}" data-panel{}>{}</a>'
# Of several references or notes with the same label, the first has the id that links lead to.
MARKUP = {
    "ref": '<sup class="ref"><a href="#{0}-note-{1}" id="{0}-ref-{1}" aria-label="Note {1}">{1}</a></sup>',
    "again": '<sup class="ref"><a href="#{0}-note-{1}" aria-label="Note {1}">{1}</a></sup>',
    "note": '<sup class="ref" id="{0}-note-{1}">{1}</sup> ',
    "twin": '<sup class="ref">{1}</sup> ',
    "view": VIEW_LINK.format("", "Preview"),
    "table": VIEW_LINK.format("", "Open in side panel"),
    # Of what is drawn at once, with its height.
    **{height: VIEW_LINK.format(f' data-draw="{height}"', "Preview") for height in ("small", "medium", "large")},
    "cite": '<a class="cite" href="/messages/{0}/sources?number={1}" title="Source {1}" data-panel>{1}</a>',
    "calls": '<div class="calls" id="message-{0}-calls-{1}"></div>',
    "back": ' <a class="to-ref" href="#{0}-ref-{1}" aria-label="Back to the text">↩\ufe0e</a>',
}


def use_footnotes(markdown: MarkdownIt) -> None:
    """Adds the rules for footnotes to a parser."""
    markdown.block.ruler.before("reference", "note", _definition, {"alt": ["paragraph", "reference"]})
    markdown.inline.ruler.before("link", "note", _reference)
    markdown.core.ruler.push("notes", _first_ones)
    for name, rule in (("note_ref", _ref_markup), ("note_open", _open_markup), ("note_close", _close_markup)):
        markdown.add_render_rule(name, rule)


def footnotes_in(tokens: Iterable[Token]) -> frozenset[str]:
    """Returns which references and which notes are among these tokens."""
    return frozenset(child.meta["note"] for token in tokens for child in (token, *(token.children or ())) if "note" in child.meta)


def placeholder(kind: str, label: str) -> str:
    """Returns a placeholder that passes the sanitiser and is replaced with markup after it."""
    return f"\ue000{kind}-{label.encode().hex()}\ue001"


def drawn(markup: str) -> str:
    """Replaces placeholders in sanitised markup with footnotes, citations and links to previews."""
    return PLACEHOLDER.sub(lambda match: MARKUP[match[1]].format(SCOPE, _label(match[2])), markup)


def scoped(markup: str, id: str) -> str:
    """Makes ids and URLs unique to a message; without an id, removes the previews and the links of citations."""
    return (markup if id else as_written(VIEW.sub("", markup))).replace(SCOPE, id)


def as_written(markup: str) -> str:
    """Turns citations back into numbers in brackets, and drops the places of calls, for text outside a page."""
    return CITE.sub(lambda match: f"{' ' if match[1] else ''}[{match[2]}]", CALLS.sub("", markup))


def _definition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    match = DEFINITION.match(state.src, state.bMarks[start] + state.tShift[start], state.eMarks[start])
    if not match or state.is_code_block(start) or match.end() == state.eMarks[start]:
        return False
    if silent:
        return True
    line, label = _paragraph_end(state, start, end), match[1]
    if not label.isdigit():
        state.env["references"].setdefault(f"\n{label}", {"title": "", "href": "", "map": [start, line]})
    opening = state.push("note_open", "p", 1)
    opening.map, opening.meta = [start, line], {"note": f"n{label}"}
    inline = state.push("inline", "", 0)
    content = state.getLines(start, line, state.blkIndent, False).strip()
    inline.content, inline.map, inline.children = content[content.index(":") + 1 :].strip(), opening.map, []
    state.push("note_close", "p", -1)
    state.line = line
    return True


def _paragraph_end(state: StateBlock, start: int, end: int) -> int:
    others, line = state.md.block.ruler.getRules("paragraph"), start + 1
    while line < end and not state.isEmpty(line) and state.sCount[line] >= state.blkIndent:
        if any(rule(state, line, end, True) for rule in others):
            break
        line += 1
    return line


def _reference(state: StateInline, silent: bool) -> bool:
    match = REFERENCE.match(state.src, state.pos, state.posMax)
    if not match or state.linkLevel or not (match[1].isdigit() or f"\n{match[1]}" in state.env.get("references", ())):
        return False
    if not silent:
        state.push("note_ref", "", 0).meta = {"note": f"r{match[1]}"}
    state.pos = match.end()
    return True


def _first_ones(state: StateCore) -> None:
    seen, opening = set(state.env.get("notes", ())), Token("note_open", "p", 1)
    for token in state.tokens:
        for child in (token, *(token.children or ())):
            if name := child.meta.get("note"):
                child.meta |= {"is_first": name not in seen, "has_ref": f"r{name[1:]}" in seen}
                seen.add(name)
        opening = token if token.type == "note_open" else opening
        if token.type == "note_close" and opening.meta["has_ref"] and opening.meta["is_first"]:
            token.meta = {"back": opening.meta["note"]}


def _ref_markup(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    meta = tokens[index].meta
    return placeholder("ref" if meta["is_first"] else "again", meta["note"][1:])


def _open_markup(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    meta = tokens[index].meta
    if meta["is_first"]:
        tokens[index].attrSet("class", "note")
    return self.renderToken(tokens, index, options, env) + placeholder("note" if meta["is_first"] else "twin", meta["note"][1:])


def _close_markup(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    note = tokens[index].meta.get("back")
    return (placeholder("back", note[1:]) if note else "") + "</p>\n"


def _label(text: str) -> str:
    try:
        label = bytes.fromhex(text).decode()
    except ValueError:
        return ""
    return label if re.fullmatch(r"[\w-]{1,30}", label) else ""
