"""The rules for every fragment rendered from a hostile text: each is a function that returns the violations."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from webapp.rendering.code import PALETTE

PAGE = "https://app.example/c/1"
ADDRESSES = [
    "href",
    "src",
    "xlink:href",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "cite",
    "longdesc",
    "ping",
    "srcset",
    "values",
    "to",
    "from",
]
LOADING = {
    "img",
    "source",
    "video",
    "audio",
    "track",
    "embed",
    "input",
    "link",
    "image",
    "use",
    "feimage",
    "object",
    "script",
    "iframe",
}
FORMS = {"form", "button", "input", "select", "textarea", "option", "dialog"}
EMBEDDING = {"iframe", "frame", "frameset", "object", "embed", "applet", "portal", "fencedframe"}
HEADS = {"meta", "base", "link", "title", "head", "html", "body"}
HX = re.compile(r"(data-)?(hx-|sse-|ws-)|preload$", re.IGNORECASE)
FRAMEWORK = re.compile(r"_$|script$|x-|v-|@|:|ng-|data-(method|remote|confirm|turbo.*|action|controller)$", re.IGNORECASE)
CLASS = re.compile(r"language-[A-Za-z0-9+#_.-]{1,40}\Z")
OWN_CLASSES = PALETTE | {"code", "table", "seam", "task", "task--done", "center", "end"}
BLANK = re.compile(r"[\x00-\x20\x7f]")
SAFE_SCHEMES = {"", "http", "https", "mailto", "tel"}


@dataclass(frozen=True, slots=True)
class Element:
    name: str
    attributes: dict[str, str]
    depth: int


class Fragment:
    """Markup inserted into a page as the server does it, and parsed by an HTML5 parser."""

    def __init__(self, markup: str) -> None:
        page = f'<!doctype html><html lang="en"><title>t</title><body><div id="m">{markup}</div><p id="after">ok</p>'
        self.markup = markup
        self._tree = LexborHTMLParser(page)
        root = self._tree.css_first("#m")
        assert root
        self.root: LexborNode = root
        self.elements = list(_elements(root))

    @property
    def text(self) -> str:
        return self.root.text()

    @property
    def is_whole(self) -> bool:
        after = self.root.next
        return bool(after and after.attributes.get("id") == "after" and after.text() == "ok")

    def serialised(self) -> str:
        """Returns the inner markup as a browser would serialize it."""
        return self.root.inner_html or ""


def _elements(root: LexborNode) -> Iterator[Element]:
    waiting = [(child, 1) for child in _children(root)]
    while waiting:
        node, depth = waiting.pop()
        attributes = {name.lower(): value or "" for name, value in node.attributes.items()}
        yield Element((node.tag or "").lower(), attributes, depth)
        waiting.extend((child, depth + 1) for child in _children(node))


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child:
        if child.is_element_node or child.is_comment_node:
            yield child
        child = child.next


Rule = Callable[[Fragment], list[str]]


def _names(names: set[str]) -> Rule:
    return lambda fragment: [element.name for element in fragment.elements if element.name.rpartition(":")[2] in names]


def _attributes(is_wrong: Callable[[str, str], bool]) -> Rule:
    return lambda fragment: [
        f"{element.name} {name}={value}"
        for element in fragment.elements
        for name, value in element.attributes.items()
        if is_wrong(name, value)
    ]


def _is_script_url(name: str, value: str) -> bool:
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", BLANK.sub("", value).lower())
    return name in ADDRESSES and bool(scheme) and scheme[1] not in SAFE_SCHEMES


def remote_subresources(fragment: Fragment) -> list[str]:
    loading = [element for element in fragment.elements if element.name in LOADING]
    addresses = [value for element in loading for name, value in element.attributes.items() if name in ADDRESSES]
    addresses += [element.attributes["background"] for element in fragment.elements if "background" in element.attributes]
    return [address for address in addresses if _origin(address) != _origin(PAGE)]


def _origin(address: str) -> str:
    # A browser adds missing slashes and turns backslashes into slashes.
    slashed = re.sub(r"^(https?:)/*", r"\1//", BLANK.sub("", address).replace("\\", "/"), flags=re.IGNORECASE)
    parts = urlsplit(urljoin(PAGE, slashed))
    return f"{parts.scheme}://{parts.netloc}"


def _is_wrong_class(name: str, value: str) -> bool:
    return name == "class" and any(css_class not in OWN_CLASSES and not CLASS.match(css_class) for css_class in value.split())


def soft_links(fragment: Fragment) -> list[str]:
    links = [element.attributes for element in fragment.elements if element.name == "a" and "href" in element.attributes]
    wanted = {"noopener", "noreferrer", "nofollow"}
    return [link["href"] for link in links if not wanted <= set(link.get("rel", "").split())]


RULES: dict[str, Rule] = {
    "no_script_element": _names({"script"}),
    "no_event_attribute": _attributes(lambda name, _: name.startswith("on")),
    "no_script_url": _attributes(_is_script_url),
    "no_embedding_element": _names(EMBEDDING),
    "no_remote_subresource": remote_subresources,
    "no_client_fetch": remote_subresources,
    "no_style": lambda fragment: _names({"style"})(fragment) + _attributes(lambda name, _: name == "style")(fragment),
    "no_meta_base_link": _names(HEADS),
    "no_form_control": lambda fragment: (
        _names(FORMS)(fragment) + _attributes(lambda name, _: name in {"form", "formaction"})(fragment)
    ),
    "no_hx_attribute": _attributes(lambda name, _: bool(HX.match(name))),
    "no_framework_attribute": _attributes(lambda name, _: bool(FRAMEWORK.match(name))),
    "no_svg_math": _names({"svg", "math"}),
    "no_id_name_clobber": _attributes(lambda name, _: name in {"id", "name"}),
    "no_comment": lambda fragment: [
        *_names({"!--", "-comment"})(fragment),
        *re.findall(r"<[!?]", fragment.markup),
    ],
    "no_structure_break": lambda fragment: [] if fragment.is_whole else ["the page behind it"],
    "no_app_class": _attributes(_is_wrong_class),
    "no_ping_target": _attributes(lambda name, value: name in {"ping", "download"} or (name == "target" and value != "_blank")),
    "external_link_hardened": soft_links,
    "bounded_depth": lambda fragment: [element.name for element in fragment.elements if element.depth > 256],
}
# Rules about routes and requests, or about time and size, which a fragment cannot show.
ELSEWHERE = {
    "get_is_safe",
    "no_open_redirect",
    "no_server_side_fetch",
    "no_template_eval",
    "proxy_needs_click_or_signature",
    "bounded_time",
    "bounded_output",
    "no_crash",
}


def breaches(markup: str, names: set[str]) -> list[tuple[str, list[str]]]:
    """Returns the rules that a fragment violates, either as it is or after being serialized and parsed again."""
    once = Fragment(markup)
    twice = Fragment(once.serialised())
    checks = [(name, RULES[name](fragment)) for fragment in (once, twice) for name in sorted(names - ELSEWHERE)]
    return [(name, found) for name, found in checks if found]
