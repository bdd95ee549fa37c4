"""A person's preferences: the key that sends, the size of the text and the spacing."""

import pytest


def test_a_person_chooses_the_key_that_sends(owner, member):
    assert owner.submit("/settings", send_key="ctrl").says("Saved.")

    assert owner.page("/").one("html").attributes["data-send"] == "ctrl"
    assert owner.page("/settings").one("#send_key option[selected]").attributes["value"] == "ctrl"
    assert "data-send" not in member.page("/").one("html").attributes


def test_another_key_is_refused_beside_the_field(owner):
    page = owner.post("/settings", theme="", send_key="space")

    assert page.status_code == 422
    assert page.says("Choose one of the keys.")


def test_text_size_and_density_are_told_to_every_page(owner, member):
    assert owner.submit("/settings", text_size="large", density="compact").says("Saved.")

    told = owner.page("/chats").one("html").attributes
    assert (told["data-text-size"], told["data-density"]) == ("large", "compact")
    chosen = owner.page("/settings").all("main input[checked]")
    assert {"large", "compact"} <= {field.attributes["value"] for field in chosen}
    assert not {"data-text-size", "data-density"} & set(member.page("/chats").one("html").attributes)


def test_a_look_is_stored_alone_and_told_to_every_page(owner, member):
    owner.submit("/settings", density="compact", instructions="Be brief.")

    assert owner.htmx_post("/settings/look", accent="iris", contrast="more", font="system").status_code == 204
    told = owner.page("/chats").one("html").attributes
    assert [told[f"data-{name}"] for name in ("accent", "contrast", "font", "density")] == ["iris", "more", "system", "compact"]
    page = owner.page("/settings")
    assert page.one("#instructions").text().strip() == "Be brief."
    assert page.all("link[rel=preload][as=font]") == []
    assert "data-accent" not in member.page("/chats").one("html").attributes
    assert len(member.page("/settings").all("link[rel=preload][as=font]")) == 1


def test_a_look_without_scripts_returns_to_the_settings_and_back_to_the_standard(owner):
    assert owner.post("/settings/look", accent="plum").location == "/settings"
    owner.post("/settings/look", accent="")

    assert "data-accent" not in owner.page("/").one("html").attributes


def test_a_look_that_is_not_offered_is_refused_and_a_strangers_is_not_stored(owner, visitor):
    assert owner.htmx_post("/settings/look", accent="gold").status_code == 422
    assert visitor.post("/settings/look", accent="iris").location == "/login"


@pytest.mark.parametrize(
    ("field", "words"),
    [("text_size", "text sizes"), ("density", "densities"), ("accent", "accent colors"), ("speech", "ways to show speech")],
)
def test_what_is_not_offered_is_refused_beside_the_field(owner, field, words):
    page = owner.post("/settings", **{field: "huge"})

    assert page.status_code == 422
    assert page.one(f"#{field}-error").text().strip() == f"Choose one of the {words}."


def test_a_persons_own_settings_are_tabs_of_each_other(owner):
    places = ["/settings", "/settings/sidebar", "/account", "/variables"]
    for path in places:
        links = owner.page(path).all("nav[aria-label='Your settings'] a")
        assert [link.attributes["href"] for link in links] == places
        assert [link.attributes["href"] for link in links if "aria-current" in link.attributes] == [path]
