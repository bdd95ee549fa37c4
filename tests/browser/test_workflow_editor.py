"""The editor of workflows in a real browser: its text, errors and cards, by pointer and by key, with and without JavaScript."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chats import press
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import violations
from tests.support.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TEA = """workflow: tea
title: Tea # with milk
slots:
  kind: {type: choice, options: [green, black], ask: "Which one?"}
steps:
  - say: Hello {{user.first_name}}!
  - collect: kind
  - id: more
    chat: |
      Talk about "{{kind}}".
      It is not a # comment.
  - end: Bye.
"""
# Where a letter is drawn, and where the textarea has it: its lines have one height, and its letters one width.
PLACES = """() => {
  const source = document.getElementById("source"), lines = document.getElementById("code-lines");
  const style = getComputedStyle(source), box = source.getBoundingClientRect();
  const rows = [...lines.children].map((row) => row.getBoundingClientRect());
  const text = lines.querySelector(".code__text").getBoundingClientRect();
  return {
    rows: rows.map(({ top, height }) => [top - box.top - parseFloat(style.paddingTop), height]),
    line: parseFloat(style.lineHeight),
    start: text.left - box.left - parseFloat(style.paddingInlineStart),
    same: ["fontFamily", "fontSize", "lineHeight", "letterSpacing", "tabSize", "whiteSpace", "overflowWrap"].filter(
      (name) => style[name] !== getComputedStyle(lines.querySelector(".code__text"))[name]),
    over: [source.scrollWidth - source.clientWidth, source.scrollHeight - source.clientHeight],
    size: [box.width - lines.getBoundingClientRect().width, box.height - lines.getBoundingClientRect().height],
    width: text.width - parseFloat(getComputedStyle(lines.querySelector(".code__text")).paddingInlineEnd),
    room: source.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd),
  };
}"""


def text_of(page: Page) -> Locator:
    return page.get_by_label("Workflow, as YAML or JSON")


def unfolded(page: Page) -> Page:
    page.get_by_text("YAML", exact=True).click()
    return page


def opened(page: Page, text: str = TEA) -> Page:
    unfolded(page)
    # By keys, so that what is drawn follows each change.
    text_of(page).fill(text)
    expect(page.locator(".code__line")).to_have_count(text.count("\n") + 1)
    # The step that was open is gone with its text.
    expect(page.locator(".card--open")).to_have_count(0)
    return page


def test_the_drawn_letters_stand_where_the_typed_ones_do(server: Server, visit: Visit) -> None:
    long = TEA.replace("Bye.", "Bye, 😀 and " + "a long way to go " * 12) + "\n\n# The end"
    for zoom in (0.9, 1, 1.3):
        window = {"width": int(1280 / zoom), "height": 720}
        page = opened(visit(server, viewport=window, device_scale_factor=zoom).open("/workflows/new"), long)
        seen = page.evaluate(PLACES)
        assert (seen["same"], seen["over"], seen["size"], seen["start"]) == ([], [0, 0], [0, 0], 0)
        assert all(abs(top - place * seen["line"]) < 0.5 for place, (top, _) in enumerate(seen["rows"]))
        # One box scrolls both, so nothing has to follow.
        code = page.locator("#code")
        assert code.evaluate("code => code.scrollWidth > code.clientWidth")
        text_of(page).press("Control+End")
        page.keyboard.type("\n" * 30 + "last")
        assert code.evaluate("code => code.scrollTop") > 0
        assert code.evaluate("code => Math.abs(code.scrollTop + code.clientHeight - code.scrollHeight)") < 60
        page.context.close()
    # On a phone, long lines wrap at the same letter.
    page = opened(visit(server, **PHONE).open("/workflows/new"), long)
    seen = page.evaluate(PLACES)
    assert (seen["same"], seen["over"], seen["size"], seen["start"]) == ([], [0, 0], [0, 0], 0)
    assert abs(seen["width"] - seen["room"]) < 0.1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_names_texts_and_comments_have_their_colors(server: Server, visit: Visit) -> None:
    page = opened(visit(server).open("/workflows/new"))
    kinds = page.evaluate(
        """() => [...document.querySelectorAll("#code-lines [class]")].map((part) => [part.className, part.textContent])"""
    )
    for kind, words in (
        ("key", "workflow"),
        ("comment", "# with milk"),
        ("name", "kind"),
        ("string", '"Which one?"'),
        ("answer", "{{user.first_name}}"),
        ("step", "kind"),
        ("string", '      Talk about "'),
        ("answer", "{{kind}}"),
        ("string", "      It is not a # comment."),
    ):
        assert [f"code__{kind}", words] in kinds
    # Found once: what is drawn is no text of the page.
    assert page.locator("#code-lines").get_attribute("inert") is not None
    before = page.locator(".code__line").nth(11).element_handle()
    text_of(page).press("Control+Home")
    page.keyboard.type("# ")
    expect(page.locator(".code__comment").first).to_have_text("# workflow: tea")
    # Lines that are as they were stay.
    assert before.evaluate("row => row.isConnected")
    page.emulate_media(forced_colors="active")
    assert text_of(page).evaluate("source => getComputedStyle(source).color") != "rgba(0, 0, 0, 0)"
    expect(page.locator(".code__text").first).to_be_hidden()


def test_an_error_is_shown_at_its_line_and_put_right(server: Server, visit: Visit) -> None:
    page = opened(visit(server).open("/workflows/new"))
    expect(page.locator("#picture")).to_contain_text("Asks a model")
    source, faults = text_of(page), page.locator("#faults li")
    source.fill(TEA.replace("collect: kind", "colect: kind").replace("type: choice", "tipe: choice"))
    expect(faults).to_have_count(2)
    line = page.locator(".code__line").nth(6)
    expect(line.locator(".code__why")).to_have_text("Unknown step “colect”. Did you mean “collect”?")
    assert page.evaluate("CSS.highlights.get('wrong').size") == 2
    expect(source).to_have_attribute("aria-invalid", "true")
    # The picture stays as it was, and says so.
    expect(page.locator("#picture-note")).to_have_text("The diagram shows your last version without errors.")
    expect(page.locator("#picture")).to_contain_text("Asks a model")
    assert violations(page) == []
    source.press("Control+Home")
    selected = "() => getSelection().toString() || source.value.slice(source.selectionStart, source.selectionEnd)"
    for word in ("tipe", "colect", "tipe"):
        page.keyboard.press("F8")
        assert page.evaluate(selected).startswith(word[:4])
    page.keyboard.press("Shift+F8")
    assert page.evaluate(selected) == "colect"
    expect(page.locator("#source-faults")).to_contain_text("Did you mean “collect”?")
    page.get_by_role("button", name="Change to “collect”").click()
    expect(faults).to_have_count(1)
    expect(page.locator(".code__line").nth(6).locator(".code__step")).to_have_text("kind")
    assert "- collect: kind" in source.input_value()
    source.press("Control+z")
    assert "- colect: kind" in source.input_value()
    faults.first.get_by_role("link").click()
    expect(source).to_be_focused()
    source.fill(TEA)
    expect(faults).to_have_count(0)
    expect(page.locator("#picture-note")).to_have_text("")


def test_cards_change_the_text_and_it_them(server: Server, visit: Visit) -> None:
    page = opened(visit(server).open("/workflows/new"))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    source, cards = text_of(page), page.locator(".card")
    expect(cards).to_have_count(4)
    page.get_by_role("button", name="Edit step 2").click()
    question = page.get_by_label("Question")
    expect(question).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.type(" Or: none")
    # The text follows, and the focus stays.
    expect(page.locator(".code__line").nth(3)).to_contain_text('ask: "Which one? Or: none"')
    expect(question).to_be_focused()
    expect(page.get_by_label("Options, one per line")).to_be_visible()
    page.get_by_label("Answer").select_option("text")
    expect(page.get_by_label("Options, one per line")).to_be_hidden()
    expect(page.locator(".code__line").nth(3)).to_have_text(re.compile(r'kind: \{type: text, ask: "Which one\? Or: none"\}'))
    assert violations(page) == []
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Edit step 2")).to_be_focused()
    # By key, the focus goes with the step.
    page.locator("summary", has_text="More for step 2").click()
    page.get_by_role("button", name="Move step 2 up").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".outline__said")).to_have_text("Moved to place 1 of 4.")
    expect(page.get_by_role("button", name="Move step 1 up")).to_be_focused()
    expect(cards.first).to_contain_text("Which one? Or: none")
    cards.nth(0).drag_to(cards.nth(2))
    expect(page.locator(".outline__said")).to_have_text("Moved to place 3 of 4.")
    assert said == []
    assert source.input_value().index("collect: kind") > source.input_value().index("It is not a # comment.")
    before = source.input_value()
    page.locator("summary", has_text="More for step 1").click()
    page.get_by_role("button", name="Remove step 1").click()
    expect(cards).to_have_count(3)
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(cards).to_have_count(4)
    assert source.input_value() == before
    page.get_by_text("Add a step").click()
    page.get_by_role("button", name="Say something").click()
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    assert source.input_value().endswith("  - say: Hello!\n  - end: Bye.\n")
    # What a button did can be undone in the text, and cards follow it.
    source.press("Control+z")
    assert source.input_value() == before
    expect(cards).to_have_count(4)
    source.fill(TEA.replace("- say:", "- sya:"))
    expect(cards.first).to_contain_text("Did you mean “say”?")
    cards.first.get_by_role("link", name="line 6", exact=True).click()
    expect(source).to_be_focused()


def test_keys_indent_and_there_is_a_way_out(server: Server, visit: Visit) -> None:
    page = unfolded(visit(server).open("/workflows/new"))
    source = text_of(page)
    # Who comes by key continues by key.
    source.focus()
    page.keyboard.press("Tab")
    expect(source).not_to_be_focused()
    source.fill("")
    page.keyboard.type("steps:\n- say: a\nnext: end\n")
    assert source.input_value() == "steps:\n  - say: a\n    next: end\n    "
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("- ")
    page.keyboard.press("Enter")
    assert source.input_value() == "steps:\n  - say: a\n    next: end\n"
    page.keyboard.press("Tab")
    page.keyboard.type("x")
    assert source.input_value().endswith("\n  x")
    page.keyboard.press("Control+a")
    page.keyboard.press("Tab")
    assert source.input_value() == "  steps:\n    - say: a\n      next: end\n    x"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    assert source.input_value() == "steps:\n- say: a\n  next: end\nx"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert source.input_value().startswith("  steps:")
    expect(source).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(source).not_to_be_focused()


def test_a_workflow_is_built_from_cards_by_thumb(server: Server, visit: Visit) -> None:
    page = opened(visit(server, **PHONE).open("/workflows/new"), TEA)
    page.get_by_text("Add a step").tap()
    page.get_by_role("button", name="Ask the person").tap()
    page.get_by_label("Question").fill("How many?")
    page.get_by_label("Answer").select_option("number")
    expect(page.locator(".code__line").nth(4)).to_contain_text('question_1: {type: number, ask: "How many?"}')
    page.get_by_role("button", name="Done").tap()
    expect(page.get_by_label("Question")).to_have_count(0)
    # A call, whose arguments are lines of its form.
    page.get_by_role("button", name="Search documents").tap()
    page.get_by_label("Arguments, one per line").fill("query: {{question_1}} cups\nlimit: {slot: question_1}")
    page.get_by_label("If it fails").select_option("more")
    wanted = '    arguments: {query: "{{question_1}} cups", limit: {slot: question_1}}\n    on_failure: more\n'
    expect(text_of(page)).to_have_value(re.compile(re.escape(f"  - tool: search_documents\n{wanted}")))
    page.locator("summary", has_text="More for step 4").tap()
    button = page.get_by_role("button", name="Move step 4 up").bounding_box()
    assert button
    assert min(button["width"], button["height"]) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # At the end of the page, as the row of its buttons covers a part of what is scrolled below it.
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert violations(page) == []


def test_a_workflow_that_is_there_shows_its_steps_and_folds_its_text(server: Server, visit: Visit) -> None:
    """What a card changes goes into the folded text, and a link to a line unfolds it."""
    page = opened(visit(server).open("/workflows/new"), TEA.replace("workflow: tea", "workflow: folded-tea"))
    press(page, page.get_by_role("button", name="Save draft"))
    page.goto("/workflows/folded-tea/edit")
    expect(text_of(page)).to_be_hidden()
    assert violations(page) == []
    page.get_by_role("button", name="Edit step 1").click()
    page.get_by_label("Text", exact=True).fill("Good day!")
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".card").first).to_contain_text("Good day!")
    expect(text_of(page)).to_be_hidden()
    assert "Good day!" in text_of(page).input_value()
    page.get_by_text("YAML", exact=True).click()
    expect(text_of(page)).to_be_visible()
    expect(page.locator(".code__line").nth(5)).to_contain_text("Good day!")


def test_the_editor_works_without_javascript(server: Server, visit: Visit) -> None:
    page = visit(server, java_script_enabled=False).open("/workflows/new")
    unfolded(page)
    source = text_of(page)
    source.fill(TEA.replace("collect: kind", "colect: kind"))
    press(page, page.get_by_role("button", name="Save draft"))
    # The error is at its step; with its line, it is in the text.
    unfolded(page)
    expect(page.locator("#faults li")).to_have_count(1)
    page.locator("#faults").get_by_role("link", name="Line 7").click()
    assert page.url.endswith("#line-7")
    expect(page.locator("#line-7")).to_contain_text("- colect: kind")
    press(page, page.get_by_role("button", name="Change to “collect”"))
    assert source.input_value() == TEA
    press(page, page.get_by_role("button", name="Edit step 1"))
    page.get_by_label("Text", exact=True).fill("Good day!")
    press(page, page.get_by_role("button", name="Done"))
    page.locator("summary", has_text="More for step 2").click()
    press(page, page.get_by_role("button", name="Remove step 2"))
    assert source.input_value() == TEA.replace("Hello {{user.first_name}}!", "Good day!").replace("  - collect: kind\n", "")
    press(page, page.get_by_role("button", name="Undo"))
    assert source.input_value() == TEA.replace("Hello {{user.first_name}}!", "Good day!")
    expect(page.locator("#code-lines")).to_be_hidden()
