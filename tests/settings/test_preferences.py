"""A person's preferences: the key that sends, the size of the text and the spacing."""

import pytest


def test_a_person_chooses_the_key_that_sends(owner, member):
    assert owner.submit("/settings/chats", send_key="ctrl").says("Saved.")

    assert owner.page("/").one("html").attributes["data-send"] == "ctrl"
    assert owner.page("/settings/chats").one("#send_key option[selected]").attributes["value"] == "ctrl"
    assert "data-send" not in member.page("/").one("html").attributes


def test_another_key_is_refused_beside_the_field(owner):
    page = owner.post("/settings/chats", send_key="space")

    assert page.status_code == 422
    assert page.says("Choose one of the keys.")


def test_text_size_and_density_are_told_to_every_page(owner, member):
    assert owner.submit("/settings/look", text_size="large", density="compact", width="wide").says("Saved.")
    assert owner.submit("/settings/chats", scrolling="still").says("Saved.")

    told = owner.page("/chats").one("html").attributes
    assert (told["data-text-size"], told["data-density"]) == ("large", "compact")
    assert (told["data-width"], told["data-scrolling"]) == ("wide", "still")
    chosen = owner.page("/settings/look").all("main input[checked]")
    assert {"large", "compact"} <= {field.attributes["value"] for field in chosen}
    assert not {"data-text-size", "data-density", "data-width", "data-scrolling"} & set(
        member.page("/chats").one("html").attributes
    )


def test_a_look_is_stored_alone_and_told_to_every_page(owner, member):
    owner.submit("/settings/look", density="compact")
    owner.submit("/settings/memory", instructions="Be brief.")

    assert owner.htmx_post("/settings/look", accent="iris", contrast="more", font="system").status_code == 204
    told = owner.page("/chats").one("html").attributes
    assert [told[f"data-{name}"] for name in ("accent", "contrast", "font", "density")] == ["iris", "more", "system", "compact"]
    page = owner.page("/settings/memory")
    assert page.one("#instructions").text().strip() == "Be brief."
    assert page.all("link[rel=preload][as=font]") == []
    assert "data-accent" not in member.page("/chats").one("html").attributes
    assert len(member.page("/settings").all("link[rel=preload][as=font]")) == 1


def test_a_look_without_scripts_returns_to_the_settings_and_back_to_the_standard(owner):
    assert owner.post("/settings/look", accent="plum").location == "/settings/look"
    owner.post("/settings/look", accent="")

    assert "data-accent" not in owner.page("/").one("html").attributes


def test_a_look_that_is_not_offered_is_refused_and_a_strangers_is_not_stored(owner, visitor):
    assert owner.htmx_post("/settings/look", accent="gold").status_code == 422
    assert visitor.post("/settings/look", accent="iris").location == "/login"


@pytest.mark.parametrize(
    ("part", "field", "words"),
    [
        ("look", "text_size", "text sizes"),
        ("look", "density", "densities"),
        ("look", "accent", "accent colors"),
        ("look", "width", "widths"),
        ("chats", "speech", "ways to show speech"),
        ("chats", "scrolling", "ways to scroll"),
    ],
)
def test_what_is_not_offered_is_refused_beside_the_field(owner, part, field, words):
    page = owner.post(f"/settings/{part}", **{field: "huge"})

    assert page.status_code == 422
    assert page.one(f"#{field}-error").text().strip() == f"Choose one of the {words}."
    assert page.all("nav.rail")


def test_a_persons_own_settings_are_parts_beside_each_other(owner):
    parts = [f"/settings/{part}" for part in ("look", "sidebar", "chats", "keys", "memory", "connections", "tools", "notices")]
    parts = ["/account", *parts, *(f"/account/{part}" for part in ("security", "sign-ins", "tokens", "data"))]
    for path in parts:
        links = owner.page(path).all("nav[aria-label='Your settings'] li a")
        assert [link.attributes["href"] for link in links] == parts
        assert [link.attributes["href"] for link in links if "aria-current" in link.attributes] == [path]
    assert [link.attributes["href"] for link in owner.page("/settings").all("main .rows a")] == parts
    assert not owner.page("/chats").all("nav.rail")


def test_what_was_changed_is_counted_and_each_is_reset(owner):
    def counts():
        return [words.text() for words in owner.page("/settings").all("main .rows .source")]

    assert counts() == []
    owner.submit("/settings/memory", instructions="Be brief.", remembers="y")
    owner.submit("/settings/look", theme="dark")
    assert counts() == ["1 changed", "2 changed"]
    page = owner.page("/settings/memory")
    assert [button.attributes["value"] for button in page.all("[name=to_default]")] == ["instructions", "remembers"]

    page = page.press("Reset Custom instructions")
    assert page.says("Saved.")
    assert page.textbox("Custom instructions").value == ""
    assert [button.attributes["value"] for button in page.all("[name=to_default]")] == ["remembers"]
    owner.page("/settings/look").press("Reset Theme")
    assert "data-theme" not in owner.page("/").one("html").attributes
    assert counts() == ["1 changed"]
    assert owner.get("/settings/nothing").status_code == 404


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("custom instr", "/settings/memory#instructions"),
        ("density", "/settings/look#density"),
        ("two-factor", "/account/security"),
    ],
)
def test_each_is_found_in_its_part(owner, query, path):
    found = owner.htmx_get(f"/search?q={query}")
    assert path in [link.attributes["href"] for link in found.all("a")]
