"""The editor's page: errors at their lines and their corrections, the picture that stays, and cards without JavaScript."""

import pytest

from tests.support.browser import Browser, Page
from webapp.workflows.definition.parsing import WorkflowFault
from webapp.workflows.editor.changes import change
from webapp.workflows.editor.text import corrected, placed

TEA = """workflow: tea
title: Tea
slots:
  kind: {type: choice, options: [green, black], ask: "Which one?"}
steps:
  - say: "Hello!"
  # What is drunk
  - collect: kind
  - set: {kind: null}
  - end: Bye.
"""
WRONG = TEA.replace("collect: kind", "colect: kind").replace("type: choice", "tipe: choice")


def source(page: Page) -> str:
    return page.textbox("Workflow, as YAML or JSON").value


def cards(page: Page) -> list[str]:
    return [" ".join(card.text().split()) for card in page.all(".card__words")]


def test_every_error_has_its_line_and_a_button_that_corrects_it(owner: Browser, member: Browser) -> None:
    page = owner.page("/workflows/new").press("Save draft", source=WRONG)
    assert (page.status_code, source(page)) == (422, WRONG)
    assert page.says("This can't be saved yet.")
    faults = [(fault.css_first("a").text(), fault.css_first(".faults__words").text()) for fault in page.all("#faults li")]
    # What only follows from another error isn't one.
    assert [line for line, _ in faults] == ["Line 4", "Line 8"]
    assert "Unknown step “colect”. Did you mean “collect”?" in faults[-1][1]
    # Without JavaScript, the lines stand below, each at the address of its link.
    assert [line.attributes["id"] for line in page.all("noscript .lines__wrong")] == ["line-4", "line-8"]
    assert "colect" in page.all("#line-8 code")[0].text()
    page = page.press("Change to “collect”")
    assert (page.status_code, page.path, source(page)) == (200, "/workflows/change", WRONG.replace("colect", "collect"))
    page = page.press("Change to “type”")
    assert source(page) == TEA
    assert not page.all("#faults li")
    assert page.press("Save draft").path == "/workflows/tea/edit"
    assert member.post("/workflows/change", source=TEA, deed="add say").status_code == 403


def test_the_last_picture_stays_while_there_is_an_error(owner: Browser) -> None:
    live = owner.htmx_post("/workflows/check", source=WRONG).text
    assert 'hx-target="#faults"' in live
    assert "<svg" not in live.partition("picture-note")[0].partition('hx-target="#picture"')[2]
    assert "The diagram shows your last version without errors." in live
    live = owner.htmx_post("/workflows/check", source=TEA).text
    assert 'hx-target="#picture"' in live
    assert "last version" not in live
    page = owner.page("/workflows/new").press("Save draft", source=TEA)
    page = page.press("Save draft", source=WRONG)
    assert page.says("The diagram shows the saved draft, which has no errors.")
    assert page.all("#picture svg")
    page = owner.page("/workflows/new").press("Save draft", source="steps: [")
    assert page.says("The diagram appears when there are no errors.")
    assert page.says("The steps appear here once the error in line 1 is corrected.")


def test_steps_are_added_edited_moved_and_removed_by_forms_alone(owner: Browser) -> None:
    page = owner.page("/workflows/new").press("Save draft", source=TEA)
    assert cards(page) == [
        "Says “Hello!”",
        "Asks you “Which one?”",
        "Fills in kind",
        "Ends with “Bye.”",
    ]
    page = page.press("Edit step 1")
    # What was entered is written by whatever is pressed next.
    page = page.press("Move step 1 down", step_text="Good: day", step_next="kind")
    greeting = '  - say: "Good: day"\n    next: kind\n'
    asking = "  # What is drunk\n  - collect: kind\n"
    assert source(page) == TEA.replace('  - say: "Hello!"\n' + asking, asking + greeting)
    assert page.says("Moved to place 2 of 4.")
    page = page.press("Remove step 1")
    assert asking not in source(page)
    page = page.press("Undo").press("Move step 1 down")
    assert source(page) == TEA.replace('  - say: "Hello!"\n', greeting)
    # A step that has no form says where it is.
    note = page.all('[data-card="2"] .help')[0]
    assert "It fills in answers without asking. Edit it in the text, in line 10." in " ".join(note.text().split())
    page = page.press("Ask the person")
    assert "  - collect: question_1\n  - end" in source(page)
    page = page.press("Done", step_text="How many?", step_type="multi", step_options="one\r\ntwo\r\n", step_optional="y")
    assert '  question_1: {type: multi, ask: "How many?", options: [one, two], optional: true}\n' in source(page)
    text = source(page)
    page = page.press("Save draft")
    assert (page.path, source(page)) == ("/workflows/tea/edit", text)


def test_ways_are_added_and_removed_by_forms_alone(owner: Browser) -> None:
    page = owner.page("/workflows/new").press("Save draft", source=TEA).press("Branch", after="1")
    assert """  - branch: [{if: kind == "green", go: end}]""" in source(page)
    page = page.press("Done", step_if_1='kind == "black"', step_go_1="#0", step_next="#3")
    page = page.press("Edit step 3")
    assert [select.attributes["name"] for select in page.all("select[name^=step_if_]")] == ["step_if_0", "step_if_1", "step_if_2"]
    page = page.press("Done", step_if_0="")
    assert """  - branch: [{if: kind == "black", go: step_1}, {go: step_4}]""" in source(page)
    assert page.press("Save draft").path == "/workflows/tea/edit"


def test_a_new_workflow_begins_with_a_name_a_sentence_and_one_step(owner: Browser, member: Browser) -> None:
    page = owner.page("/workflows/new")
    assert cards(page) == ["Asks you “What is it about?”"]
    assert not page.all("#yaml[open]")
    page = page.press("Ask a model", head_title="Trip: Oslo", head_about="Plans a day.", step_text="Where to?")
    assert 'title: "Trip: Oslo"\nabout: "Plans a day."' in source(page)
    # The answers before it can be copied into its text, or read from the page.
    assert [button.attributes["value"] for button in page.all(".usable [data-copy]")] == ["{{topic}}"]
    assert " ".join(page.one(".usable").text().split()).endswith("the answer to ‘Where to?’: {{topic}}")
    page = page.press("Done", step_text="Suggest a day in {{topic}}")
    assert cards(page)[1] == "Asks a model: “Suggest a day in …”"
    page = page.press("Publish")
    assert (page.path, source(page).splitlines()[0]) == ("/workflows/trip-oslo/edit", "workflow: trip-oslo")
    # What was changed in the text counts, if the fields still say what they said.
    page = page.press("Save draft", source=source(page).replace("Plans a day.", "Plans two."))
    assert page.textbox("What it is for, in one sentence").value == "Plans two."
    # Its page says the same to people who only use it.
    page = member.page("/workflows/trip-oslo")
    assert (page.says("Plans a day."), cards(page)[0]) == (True, "Asks you “Where to?”")
    assert [piece.text() for piece in page.all(".card__prompt .tag")] == ["the answer to ‘Where to?’"]
    assert not page.all('a[href$="/edit"]')
    assert page.press("Start").path.startswith("/chats/")
    assert len(member.page("/workflows/trip-oslo").all('.entries a[href^="/chats/"]')) == 1
    # The next one with the same title has a name of its own.
    again = owner.page("/workflows/new").press("Save draft", head_title="Trip: Oslo", head_about="")
    assert again.path == "/workflows/trip-oslo-2/edit"


def test_it_says_what_is_not_saved_yet(owner: Browser) -> None:
    page = owner.page("/workflows/new")
    assert page.one("#unsaved").text() == "Not saved yet"
    page = page.press("Save draft", source=TEA)
    assert page.one("#unsaved").text() == ""
    page = page.press("Edit step 1").press("Done", step_text="Hi!")
    assert page.one("#unsaved").text() == "Unsaved changes"
    live = owner.htmx_post("/workflows/check", source=TEA, slug="tea").text
    assert ('hx-target="#unsaved"' in live, "Unsaved changes" in live) == (True, False)
    assert "Unsaved changes" in owner.htmx_post("/workflows/check", source=TEA + "\n", slug="tea").text
    assert page.press("Save draft").one("#unsaved").text() == ""


def test_an_error_stands_at_its_field(owner: Browser) -> None:
    wrong = TEA.replace('ask: "Which one?"', "max: many").replace("end: Bye.", "end: Bye {{nobody}}.")
    page = owner.page("/workflows/new").press("Save draft", source=wrong)
    # Also that of a question's slot, which is elsewhere in the text, is at its step.
    assert [len(card.css(".error")) for card in page.all(".card")] == [0, 1, 0, 1]
    page = page.press("Edit step 4")
    (field,) = page.all('#step-text[aria-invalid="true"]')
    assert "step-text-error-1" in str(field.attributes["aria-describedby"])
    assert "nobody" in page.all("#step-text-error-1")[0].text()


def test_what_is_published_says_what_it_is_for_and_can_be_started(owner: Browser) -> None:
    page = owner.page("/workflows/new").press("Publish", head_title="Oslo", head_about="")
    assert page.status_code == 422
    assert "one sentence" in page.one("#head-about-error").text()
    page = page.press("Publish", head_about="Plans a day.")
    assert (page.path, page.says("Published.")) == ("/workflows/oslo/edit", True)
    assert page.press("Start").path.startswith("/chats/")


def test_what_is_refused_looks_as_it_did_before(owner: Browser) -> None:
    page = owner.page("/workflows/new")
    page = page.press("Save draft", step_text="Which one?", step_type="choice", step_options="")
    assert (page.status_code, page.all(".tabs"), page.all("#yaml[open]")) == (422, [], [])
    assert page.one("#step-options-error-1").text() == "Add at least two options."


def test_an_error_is_said_in_words_and_keeps_its_form_open(owner: Browser) -> None:
    page = owner.page("/workflows/new").press("Done", step_text="Which one?", step_type="choice", step_options="")
    assert page.one("#step-options-error-1").text() == "Add at least two options."
    assert page.one("#step-text[autofocus]").text().strip() == "Which one?"
    # The text's own list still says what to write there.
    assert page.one("#faults .faults__words").text().startswith("A choice slot needs 2 to 30 options.")
    page = page.press("Done", step_options="green\r\nblack")
    assert not page.all(".card--open, .card .error")


def test_at_a_field_nothing_speaks_yaml() -> None:
    faults = [
        WorkflowFault(1, 1, "A choice slot needs 2 to 30 options.", "options: [a]"),
        WorkflowFault(1, 1, "Unknown step “sya”.", "Did you mean “say”?", "sya", "say"),
        WorkflowFault(1, 1, "Something new."),
    ]
    first, second, third = placed("a", faults)
    assert first.words == "Add at least two options."
    assert second.words == "Unknown step “sya”. Did you mean “say”?"
    assert (third.message, third.words) == ("Something new.", "Something new.")


def test_a_form_finds_its_step_again_or_says_that_it_is_gone(owner: Browser) -> None:
    page = owner.page("/workflows/new").press("Save draft", source=TEA).press("Edit step 1")
    above = TEA.replace("steps:\n", "steps:\n  - say: Before.\n")
    done = page.press("Done", source=above, step_text="Hi!")
    assert source(done) == above.replace('"Hello!"', '"Hi!"')
    gone = page.press("Done", source=TEA.replace("Hello!", "Other"), step_text="Hi!")
    assert source(gone) == TEA.replace("Hello!", "Other")
    assert gone.says("That step was changed in the text meanwhile. Open it again.")
    # Saving takes what is entered with it.
    saved = page.press("Save draft", step_text="Hi!")
    assert '- say: "Hi!"' in source(saved)
    assert source(page.press("Try it", step_text="Hey!", demo="y")) == TEA.replace("Hello!", "Hey!")


def test_typing_in_a_form_changes_the_text_and_leaves_the_form_alone(owner: Browser) -> None:
    fields = {"source": TEA, "open": "0", "seen": "say Hello!", "step_text": "Hi <b>!", "deed": "keep 0"}
    live = owner.htmx_post("/workflows/change", **fields).text
    assert "- say: &#34;Hi &lt;b&gt;!&#34;" in live
    assert 'value="say Hi &lt;b&gt;!"' in live
    assert 'hx-target="#steps"' not in live
    assert 'hx-target="#steps"' in owner.htmx_post("/workflows/change", **{**fields, "deed": "save 0"}).text


@pytest.mark.parametrize("deed", ["", "up", "up x", "drop 1", "remove 99", "open -1", "correct 1 1 a", "add nothing", "ü ٣"])
def test_a_button_that_makes_no_sense_changes_nothing(owner: Browser, deed: str) -> None:
    page = owner.post("/workflows/change", source=TEA, deed=deed, undone_line="x", after="x", open="x")
    assert (page.status_code, source(page).strip()) == (200, TEA.strip())


@pytest.mark.parametrize("text", ["", "- a", "a: [", "steps: 3", "\x00", "steps:\n- say: x\n  say: y\n- - a\n", "[" * 5_000])
@pytest.mark.parametrize("deed", ["keep 0", "up 1", "remove 0", "add collect", "undo 1", "correct 9 9 a b"])
def test_no_text_breaks_a_button(text: str, deed: str) -> None:
    form = {"deed": deed, "open": "0", "seen": "say y", "step_text": "z", "after": "0", "undone": "x", "undone_line": "7"}
    assert isinstance(change(text, form, plan_type="").source, str)


def test_a_fault_is_placed_as_browsers_count() -> None:
    text = "a: 😀 wrong\nb: x"
    (first, second, third) = placed(
        text, [WorkflowFault(1, 6, "", wrong="wrong"), WorkflowFault(2, 4, ""), WorkflowFault(9, 9, "")]
    )
    assert (first.start, first.end) == (6, 11)
    assert text.encode("utf-16-le")[2 * second.start : 2 * second.end].decode("utf-16-le") == "x"
    assert third.start <= third.end
    assert corrected(text, 1, 6, "wrong", "right") == "a: 😀 right\nb: x"
    assert corrected(text, 1, 5, "wrong", "right") == corrected(text, 9, 1, "a", "b") == text


def test_the_tools_of_a_step_are_checkboxes_that_keep_the_order_of_the_text(owner: Browser) -> None:
    chat = "  - chat: Look it up.\n    tools: [read_page, read_document]\n"
    page = owner.page("/workflows/new").press("Save draft", source=TEA.replace("  - end", f"{chat}  - end"))
    page = page.press("Edit step 4")
    chosen = [box.attributes["value"] for box in page.all('[type=checkbox][name="step_tools"][checked]')]
    assert chosen == ["read_page", "read_document"]
    text = source(page)
    for sent, wanted in (
        (["", "read_page", "read_document"], chat),
        (["", "read_page", "search_documents"], "    tools: [read_page, search_documents]\n"),
        ([""], "  - chat: Look it up.\n  - end"),
    ):
        form = {"source": text, "open": "3", "seen": "chat Look it up.", "deed": "save 3", "step_tools": sent}
        assert wanted in owner.post("/workflows/change", **form).text.replace("&#34;", '"')
