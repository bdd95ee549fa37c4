"""The form of a chat: what most people use is unfolded, the rest folded, open where something is set, and says what."""

import pytest

from webapp.chat.record.fields import FIELDS
from webapp.workspace.roleplay.forms import PromptsForm


@pytest.fixture
def groups(chat, member):
    """The groups of the form, by their titles: whether each is open, and what it says is set."""

    def groups(page=None):
        found = {}
        for node in (page or member.page(f"{chat}/prompts")).all("form .folded"):
            words = node.css_first(".folded__set")
            title = node.css_first("summary").text(deep=False).strip()
            found[title] = ("open" in node.attributes, words.text() if words else "")
        return found

    return groups


def test_with_nothing_set_all_are_folded(groups):
    assert groups() == dict.fromkeys(["Author's note", "Variables", "Advanced"], (False, ""))


@pytest.mark.slow
def test_each_says_what_is_set_and_those_of_roleplay_are_open(groups, chat, member):
    member.submit("/lorebooks", name="The valley")
    book = member.page(f"{chat}/prompts").one("[name=lorebooks]").attributes["value"]
    text = "It rains.\n" + "Still. " * 40
    member.submit(f"{chat}/prompts", system_prompt="Rhyme.", own_instructions="off", note=text, lorebooks=book, effort="xhigh")
    member.submit(f"{chat}/prompts", temperature="0.40", top_k="40", fold="off", note_depth="0")

    found = groups()
    note = found["Author's note"][1]
    assert note.startswith("It rains. Still. ")
    assert note.endswith(" · Depth of the note: 0")
    assert len(note) < 140
    assert found["Lorebooks"] == (True, "The valley")
    # Four of them: the others that were set are above it.
    assert found["Advanced"] == (False, "4 changed")
    page = member.page(f"{chat}/prompts")
    resets = [button.attributes["value"] for button in page.all("[name=to_default]")]
    assert set(resets) == {"system_prompt", "temperature", "note", "note_depth", "own_instructions", "effort", "top_k", "fold"}


@pytest.mark.slow
def test_what_is_reset_has_its_default_and_the_rest_is_saved(groups, chat, member):
    member.submit(f"{chat}/prompts", effort="xhigh", top_k="40")
    page = member.page(f"{chat}/prompts").press("Reset Top-k", top_p="0.5")

    assert page.path == f"{chat}/prompts"
    assert [page.textbox(label).value for label in ("Top-k", "Top-p")] == ["", "0.5"]
    assert groups(page)["Advanced"] == (False, "2 changed")
    # Nothing else can be reset by it.
    assert member.post(f"{chat}/prompts", changed="model", to_default="model").status_code == 200


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("field", "title", "focused"),
    [
        ("max_tokens", "Advanced", "prompts-tokens"),
        ("temperature", "", "prompts-temperature"),
        ("note_role", "Author's note", "prompts-note-role"),
    ],
)
def test_what_is_wrong_is_open_and_has_the_focus(groups, chat, member, field, title, focused):
    page = member.submit(f"{chat}/prompts", **{field: "warm"})

    assert {group for group, (is_open, _) in groups(page).items() if is_open} == ({title} if title else set())
    assert [element.attributes["id"] for element in page.all("[autofocus]")] == [focused]


def test_what_no_field_is_to_blame_for_leaves_the_focus_at_save(groups, chat, member):
    typed = {"variable-name-0": "a", "variable-value-0": "x" * 2_001}
    page = member.submit(f"{chat}/prompts", **typed)

    assert groups(page)["Variables"] == (True, "a")
    assert page.one("button[autofocus]").text() == "Save"
    assert page.one("#prompts-end .error:not([data-lost])").text().startswith("A chat has up to 100 variables")


def test_every_field_is_in_a_group_or_above_them(chat, member):
    page = member.page(f"{chat}/prompts")

    folded = {field.attributes["name"] for field in page.all(".folded [name]")}
    assert folded >= {field.name for field in FIELDS} - {"system_prompt", "temperature"}
    assert not folded & {"system_prompt", "temperature"}
    assert page.textbox("Instructions").value == ""
    assert page.textbox("Creativity").value == ""


def test_only_a_chat_with_characters_has_roleplay(member, chat):
    plain = member.submit("/", message="Hello").path
    titles = [head.text() for head in member.page(f"{plain}/prompts").all(".prompts__level")]
    assert titles == ["Prompts", "Memory", "Parameters", "Samplers"]
    page = member.page(f"{plain}/prompts")
    assert not page.all("[name=note], [name=note_depth], [name=lorebooks], [name=persona], #prompts-variables")
    assert "character" not in page.one("form[data-saving]").text().lower()
    assert [head.text() for head in member.page(f"{chat}/prompts").all(".prompts__level")] == ["Roleplay", *titles]


def test_what_was_set_without_characters_can_be_seen_and_removed(member):
    plain = member.submit("/", message="Hello").path
    member.post(f"{plain}/prompts", changed="note", note="It rains.")
    page = member.page(f"{plain}/prompts")
    assert page.textbox("Author's note").value == "It rains."
    assert not page.all("[name=note_depth]")

    page.press("Reset Author's note")
    assert not member.page(f"{plain}/prompts").all("[name=note]")


@pytest.mark.parametrize(
    ("typed", "words"),
    [("", "Default"), ("0", "Precise"), ("0,8", "Balanced"), ("1.30", "Creative"), ("2", "Wild"), ("x", "Default")],
)
def test_creativity_is_said_in_words(app, typed, words):
    with app.test_request_context():
        assert PromptsForm.fresh(temperature=typed).creativity_words == words
