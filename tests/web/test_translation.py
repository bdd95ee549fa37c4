"""Pages in other languages: the texts of a template, and in which language a page is."""

from pathlib import Path

import pytest
from flask import Flask
from jinja2 import DictLoader, Environment, nodes

from tests.conftest import MakeApp, signed_in, with_session
from tests.support.browser import Browser
from tests.support.catalogues import write_catalogue
from tests.support.unmarked import TEMPLATES, faults_of_scripts
from webapp.base import languages
from webapp.chat.messages.renderings import in_our_words
from webapp.rendering import markdown
from webapp.rendering.footnotes import scoped
from webapp.web.translation import CurrentHtml, Translated, texts_of


class Shouted:
    def __getitem__(self, text: str) -> str:
        return text.upper()


def shown(source: str, **values: object) -> str:
    loader = DictLoader({"page.html": source})
    environment = Environment(loader=loader, extensions=[Translated, "jinja2.ext.i18n"], autoescape=True)
    environment.install_gettext_callables(str.lower, lambda one, many, n: many, newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {"translated": Shouted(), "translated_html": Shouted()}
    return environment.get_template("page.html").render(**values)


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("<p>Save it</p>", "<p>SAVE IT</p>"),
        ("<p>\n  Save\n  it </p>", "<p>\n  SAVE IT </p>"),
        ("Save", "SAVE"),
        ('<p class="Save" title="Save it">x</p>', '<p class="Save" title="SAVE IT">X</p>'),
        ('<a href="{{ x }}" title="Open">Go</a>', '<a href="1" title="OPEN">GO</a>'),
        ('<a{% if x %} href="A b"{% endif %} aria-label="Open">Go</a>', '<a href="A b" aria-label="OPEN">GO</a>'),
        ("{{ _('Save') }} {{ x }}", "SAVE 1"),
        ("{{ _('Save', n=1) }}", "save"),
        ("{{ _('Save' ~ x) }}", "save1"),
        ("{% trans n=x %}Save <b>{{ n }}</b> Now{% endtrans %} Ok", "save <b>1</b> now OK"),
        ("{% trans n=x %}One{% pluralize %}Many{% endtrans %}", "Many"),
        ("<code>Save</code><pre>A <b>B</b> cc</pre>Go", "<code>Save</code><pre>A <b>B</b> cc</pre>GO"),
        ('<p><span translate="no">Millrace</span> runs</p>', '<p><span translate="no">Millrace</span> RUNS</p>'),
        ("<br/>Yes · 12 %", "<br/>YES · 12 %"),
        ("<p>· 12 %</p><p>&amp;</p>", "<p>· 12 %</p><p>&amp;</p>"),
        ("{% if x %}Yes{% else %}No{% endif %}", "YES"),
        ("{# Save #}<!-- {{ x }} -->{{ x }}", "<!-- 1 -->1"),
        ("<p>Tom &amp; Ann</p>", "<p>TOM &amp; ANN</p>"),
    ],
)
def test_texts_are_looked_up_and_nothing_else(source: str, page: str) -> None:
    assert shown(source, x=1) == page


def test_texts_are_escaped_in_html_but_for_apostrophes() -> None:
    assert CurrentHtml()['It\'s "so" & <so>'] == "It's &#34;so&#34; &amp; &lt;so&gt;"
    languages.current().html.clear()


def test_a_sentence_with_a_number_has_its_other_values_escaped(app: Flask) -> None:
    source = "{% trans count=n, name=name %}{{ name }} has one{% pluralize %}{{ name }} has {{ count }}, 5%{% endtrans %}"
    template = app.jinja_env.from_string(source + ' {{ ngettext("%(num)s entry", "%(num)s entries", n * 1000) }}')
    languages.use("en")
    assert template.render(n=1, name="<b>") == "&lt;b&gt; has one 1,000 entries"
    assert template.render(n=2, name="A") == "A has 2, 5% 2,000 entries"


def test_texts_are_listed_with_what_they_stand_between() -> None:
    stream = Environment().lexer.tokenize("<p>\nSee <a>the {{ n }}</a></p>")
    assert [(text.words, text.line, text.before, text.after) for text in texts_of(iter(stream))] == [
        ("See", 2, "<p>", "<a>"),
        ("the", 2, "<a>", "variable_begin"),
    ]


def test_no_template_has_a_value_by_the_name_of_the_texts() -> None:
    environment = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"])
    for file in TEMPLATES.rglob("*.html"):
        tree = environment.parse(file.read_text("utf-8"))
        looked_up = {id(item.node) for item in tree.find_all(nodes.Getitem)}
        others = [
            name
            for name in tree.find_all(nodes.Name)
            if name.name in ("translated", "translated_html") and id(name) not in looked_up
        ]
        assert not others, f"{file.name}: it would hide the texts of the language"


GERMAN = {"Sign in": "Anmelden", "Language": "Sprache", "New chat": "Neuer Chat"}


def test_a_page_is_in_the_language_of_its_person_or_else_of_the_browser(make_app: MakeApp, tmp_path: Path) -> None:
    write_catalogue(tmp_path / "compiled" / "languages", "de", GERMAN, name="Deutsch")
    app = make_app()
    visitor, member = Browser(app), signed_in(app, "member@example.org", "member")
    headers = {"de-AT,en;q=0.5": "de", "fr,de;q=0.1": "de", "en,de;q=0.9": "en", "fr": "en", "\xff,;;q": "en"}
    for accepted, code in headers.items():
        page = visitor.get("/login", headers={"Accept-Language": accepted})
        assert page.one("html").attributes["lang"] == code
        assert ("Anmelden" in page.text) == (code == "de")
    assert "Neuer Chat" not in member.get("/").text
    page = member.post("/settings/look", language="de")
    assert page.status_code == 303
    assert "Neuer Chat" in member.get("/", headers={"Accept-Language": "en"}).text
    me = member.get("/api/v1/me", headers={"Accept-Language": "de", "Accept": "application/json"}).json
    assert me["language"] == "de"
    refused = member.post("/settings/look", language="xx")
    assert (refused.status_code, "Choose one of the languages." in refused.text) == (422, True)
    assert member.post("/settings/look", language="").status_code == 303
    assert "Neuer Chat" not in member.get("/").text


def test_who_has_no_language_and_asks_for_none_that_there_is_gets_the_teams(make_app: MakeApp, tmp_path: Path) -> None:
    assert "languages.default" not in signed_in(make_app(), "owner@example.org", "owner").page("/admin/settings/accounts").text
    write_catalogue(tmp_path / "compiled" / "languages", "de", GERMAN, name="Deutsch")
    app = make_app()
    owner = with_session(app, "owner@example.org")
    page = owner.page("/admin/settings/accounts")
    assert [option.text() for option in page.one("#languages\\.default").css("option")] == ["English", "Deutsch"]
    refused = owner.post("/admin/settings/accounts", **{"languages.default": "xx"})
    assert (refused.status_code, "Choose one of the languages: en, de." in refused.text) == (422, True)
    assert owner.post("/admin/settings/accounts", **{"languages.default": "de"}).status_code == 303
    headers = {"fr": "de", "en-GB, fr": "en", "": "de", "de": "de"}
    for accepted, code in headers.items():
        page = Browser(app).get("/login", headers={"Accept-Language": accepted})
        assert page.one("html").attributes["lang"] == code


def test_scripts_have_no_words_without_a_mark() -> None:
    assert not list(faults_of_scripts()), 'write _("Save")'


def test_what_the_renderer_names_in_a_message_is_in_the_language_of_the_page_and_what_people_wrote_is_not(tmp_path: Path) -> None:
    text = (
        "A[^1] and [Preview](https://a.example 'Source 1')\n\n- [x] one\n- [ ] two\n\n```html\n<h1>Hi</h1>\n```\n\n[^1]: A note."
    )
    html = scoped(markdown.render(text), "m1")
    texts = {"Preview": "Vor & schau", "Note %(label)s": "Fußnote %(label)s", "Source %(label)s": "Quelle", "done": "erledigt"}
    write_catalogue(tmp_path, "de", {**texts, "to do": "offen", "Back to the text": "Zurück zum Text"})
    languages.load(tmp_path)
    try:
        assert in_our_words(html) == html
        with languages.using("de"):
            german = in_our_words(html)
    finally:
        languages.load(tmp_path / "none")
    for words in ('"Fußnote 1"', '"Zurück zum Text"', '"erledigt"', '"offen"', ">Vor &amp; schau</a>", ">Preview</a>"):
        assert words in german
    assert "Quelle" not in german
    assert "Note 1" not in german


def test_no_imported_template_keeps_words_in_the_language_of_the_first_page() -> None:
    environment = Environment(extensions=[Translated, "jinja2.ext.i18n"])
    trees = {
        name: environment.parse((TEMPLATES / name).read_text("utf-8"), name)
        for name in (str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*.html"))
    }
    imports = [found for tree in trees.values() for found in tree.find_all((nodes.Import, nodes.FromImport))]
    names = {one.template.value for one in imports if not one.with_context and isinstance(one.template, nodes.Const)}
    assert len(names) > 20
    kept = [
        f"{name}:{node.lineno}"
        for name in sorted(names)
        for node in trees[name].body
        if isinstance(node, nodes.Assign | nodes.AssignBlock)
        and any(one.name in ("translated", "translated_html", "gettext", "_") for one in node.find_all(nodes.Name))
    ]
    assert not kept, "make a macro of it, or draw it with `drawn_once`"


def test_rows_of_the_sidebar_are_remembered_in_each_language(make_app: MakeApp, tmp_path: Path) -> None:
    rows = {"New chat in %(name)s": "Neuer Chat in %(name)s"}
    write_catalogue(tmp_path / "compiled" / "languages", "de", rows, name="Deutsch")
    member = signed_in(make_app(), "member@example.org", "member")
    member.post("/projects", name="Herons")
    for code, words in (("en", "New chat in Herons"), ("de", "Neuer Chat in Herons"), ("en", "New chat in Herons")):
        member.post("/settings/look", language=code)
        assert member.page("/chats").one(".chats__new").attributes["title"] == words
