"""Previews of what models write: as pages, and for the panel beside the chat."""

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from tests.chat.conftest import ended
from tests.support.people import PASSWORD
from webapp.workspace.previews.frame_views import TICKET_SECONDS

ANSWER = "```html\n<p>Hello</p>\n```\n\n```mermaid\ngraph TD\n  A --> B\n```\n"


@pytest.fixture
def message(owner, answered, fake) -> str:
    fake.says(ANSWER)
    return str(owner.page(answered(owner)).message_ids[-1])


def test_a_preview_is_a_page_and_a_panel(owner, message):
    page, panel = owner.page(f"/messages/{message}/preview?block=0"), owner.htmx_get(f"/messages/{message}/preview?block=0")
    assert page.one("h1").text() == panel.one("#panel-title").text() == "Hello"
    for shown in (page, panel):
        assert shown.one("iframe").attributes["sandbox"] == "allow-scripts"
        assert shown.one("form[action*=preview]").attributes["method"] == "post"
    run = owner.post(f"/messages/{message}/preview?block=0", headers={"HX-Request": "true"})
    assert "scripts=run" in run.one("iframe").attributes["src"]
    assert panel.one("[title='Open as a page']").attributes["href"] == f"/messages/{message}/preview?block=0"
    assert owner.htmx_get(f"/messages/{message}/preview?block=1").one("#panel-title").text() == "Diagram"


def test_a_diagram_is_drawn_as_its_reader_looks_at_the_rest(owner, message):
    address = frame_of(owner, message, 1)
    frame = owner.client.get(f"{address}&fit&theme=dark&contrast=more")
    assert "color-scheme:dark" in frame.text
    assert "allow-scripts" in frame.headers["Content-Security-Policy"]
    # Anything else in the address is left out.
    assert "color-scheme:light dark" in owner.client.get(f"{address}&theme=}}%3Cscript%3E").text


def test_a_drawing_is_saved_as_a_file_that_stands_alone(owner, answered, fake):
    fake.says(
        '```svg\n<svg viewBox="0 0 9 9"><path d="M0 0"/></svg>\n```\n\n```svg\n<svg xmlns="http://x.org"/>\n```\n\n' + ANSWER
    )
    at = f"/messages/{owner.page(answered(owner)).message_ids[-1]}"
    file = owner.client.get(f"{at}/preview/file?block=0")
    assert file.text == '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0"/></svg>\n'
    assert file.headers["Content-Disposition"] == 'attachment; filename="drawing.svg"'
    assert file.mimetype == "image/svg+xml"
    assert owner.client.get(f"{at}/preview/file?block=1").text == '<svg xmlns="http://x.org"/>\n'
    for shown in (owner.page(f"{at}/preview?block=0"), owner.htmx_get(f"{at}/preview?block=0")):
        assert shown.one("a[download]").attributes["href"] == f"{at}/preview/file?block=0"
        assert shown.one("iframe").attributes["sandbox"] == "allow-scripts"
    for block in ("9", "soon"):
        assert owner.get(f"{at}/preview/file?block={block}").status_code == 404
        assert not owner.page(f"{at}/preview?block={block}").all("a[download]")
    # The source; what is drawn of a diagram is saved in its frame.
    for block, name, content in ((2, "page.html", "<p>Hello</p>\n"), (3, "diagram.mmd", "graph TD\n  A --> B\n")):
        file = owner.client.get(f"{at}/preview/file?block={block}")
        assert (file.text, file.headers["Content-Disposition"]) == (content, f'attachment; filename="{name}"')
        assert "sandbox" in file.headers["Content-Security-Policy"]
    id = at.rpartition("/")[2]
    assert "allow-downloads" in owner.client.get(frame_of(owner, id, 3)).headers["Content-Security-Policy"]
    assert "allow-downloads" not in owner.client.get(frame_of(owner, id, 2)).headers["Content-Security-Policy"]


def frame_of(browser, message: str, block: int) -> str:
    return str(browser.page(f"/messages/{message}/preview?block={block}").one("iframe").attributes["src"])


IFRAME = {"Sec-Fetch-Dest": "iframe"}


def test_what_was_written_is_sent_only_to_a_frame_of_our_page(owner, member, message):
    """A page that a model wrote would look like one of ours at our address, and links to it can stand in any message."""
    address = frame_of(owner, message, 0)
    bare = address.partition("&ticket=")[0]
    framed = owner.client.get(address, headers=IFRAME)
    assert "<p>Hello</p>" in framed.text
    assert framed.headers["Content-Security-Policy"].startswith("sandbox;")
    # The ticket is of this block without its scripts, in this session.
    others = [bare, f"{bare}&ticket=x", f"{address}&scripts=run", address.replace("block=0", "block=1")]
    for path in others:
        expired = owner.client.get(path, headers=IFRAME)
        assert "has expired" in expired.text
        assert expired.headers["Content-Security-Policy"].startswith("sandbox;")
        assert owner.client.get(path).location == f"/messages/{message}/preview?block={path.partition('block=')[2][0]}"
    for place in ("document", "empty", "embed"):
        assert owner.client.get(address, headers={"Sec-Fetch-Dest": place}).status_code == 303
    # Browsers that say nothing of it do so by plain HTTP alone.
    assert owner.client.get(address).status_code == 200
    assert owner.client.get(address, base_url="https://localhost").status_code == 303


def test_scripts_run_by_a_ticket_of_their_own(owner, message):
    run = owner.post(f"/messages/{message}/preview?block=0").one("iframe").attributes["src"]
    assert "script-src 'unsafe-inline'" in owner.client.get(run, headers=IFRAME).headers["Content-Security-Policy"]
    content, _, signature = run.partition("&ticket=")[2].partition(".")
    assert signature
    assert "has expired" in owner.client.get(run.replace(content, "WyIiXQ"), headers=IFRAME).text


class EarlierSigner(TimestampSigner):
    """Signs as if it were some time ago."""

    def get_timestamp(self) -> int:
        return super().get_timestamp() - TICKET_SECONDS - 1


def test_a_ticket_expires_and_is_of_one_session(owner, message):
    address = frame_of(owner, message, 0)
    secret = owner.client.get_cookie("millrace").value
    old = URLSafeTimedSerializer(owner.app.secret_key, salt=f"frame {secret}", signer=EarlierSigner).dumps([message, 0, False])
    assert "has expired" in owner.client.get(f"/messages/{message}/frame?block=0&ticket={old}", headers=IFRAME).text
    owner.post("/logout")
    assert owner.post("/login", email="owner@example.org", password=PASSWORD).status_code == 303
    assert "has expired" in owner.client.get(address, headers=IFRAME).text
    assert "<p>Hello</p>" in owner.client.get(frame_of(owner, message, 0), headers=IFRAME).text


def test_only_what_was_rendered_for_a_page_says_so(owner, message):
    for path in ("/", f"/messages/{message}/preview?block=0", "/no-such-page"):
        assert owner.client.get(path).headers["Millrace-Page"] == "1"
    for path in (frame_of(owner, message, 0), f"/messages/{message}.md", "/healthz"):
        assert "Millrace-Page" not in owner.client.get(path, headers=IFRAME).headers


TABLE = """## Sales of *2024*

| Month | Revenue | =cmd |
|---|--:|---|
| January | **1,200** | -3 |
| February | 900 | =1+1 |
| March | 1,500.5 | @x |
"""


def test_a_table_is_shown_as_rows_and_plotted_and_saved(owner, answered, fake):
    fake.says(TABLE + "\n```csv\nFruit;Share\n<b>Pears</b>;12 %\nPlums;-3,5 %\n```\n")
    answer = owner.page(answered(owner))
    id = answer.message_ids[-1]
    link, of_csv = answer.all(".table + a.view")
    assert of_csv.attributes["href"].endswith("block=1")
    assert (link.text(), link.attributes["href"]) == ("Open in side panel", f"/messages/{id}/preview?block=0")
    panel = owner.htmx_get(f"/messages/{id}/preview?block=0")
    assert panel.one("#panel-title").text() == "Sales of 2024"
    assert [view.text() for view in panel.all(".preview__views a")] == ["Plot", "Table", "Source", "Edit"]
    frame = owner.client.get(panel.one("iframe").attributes["src"], headers=IFRAME)
    assert "<title>January · Revenue: 1,200</title>" in frame.text
    assert "script-src 'none'" in frame.headers["Content-Security-Policy"]
    rows = owner.page(f"/messages/{id}/preview?block=0&view=table")
    assert [cell.text() for cell in rows.all("td")][:4] == ["January", "1,200", "-3", "February"]
    source = owner.htmx_get(f"/messages/{id}/preview?block=0&view=source")
    assert 'January,"1,200",-3' in source.one("pre").text()
    csv = owner.client.get(f"/messages/{id}/preview/file?block=0")
    assert csv.headers["Content-Disposition"] == 'attachment; filename="sales-of-2024.csv"'
    assert csv.text.splitlines() == [
        "\ufeffMonth,Revenue,'=cmd",
        'January,"1,200",-3',
        "February,900,'=1+1",
        'March,"1,500.5",\'@x',
    ]
    plot = owner.client.get(f"/messages/{id}/preview/file?block=0&view=plot")
    assert plot.headers["Content-Disposition"] == 'attachment; filename="sales-of-2024.svg"'
    assert plot.text.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    # The language of the reader has its own numbers, and a table's its own decimal sign.
    shares = owner.client.get(f"/messages/{id}/preview/file?block=1&view=plot").text
    assert "&lt;b&gt;Pears&lt;/b&gt; · Share: 12 %" in shares
    assert "Plums · Share: -3.5 %" in shares


def test_only_a_plot_that_stands_alone_has_its_title_in_it(owner, answered, fake):
    fake.says("**Otters**\n\n```csv\ncity,otters\nBern,12\nThun,7\n```")
    page = owner.page(answered(owner))
    frame = owner.client.get(frame_of(owner, page.message_ids[-1], 0), headers=IFRAME).text
    assert 'class="s0"' in frame
    assert 'class="title"' not in frame
    file = owner.get(f"/messages/{page.message_ids[-1]}/preview/file?block=0&view=plot").text
    assert ">Otters</text>" in file


def test_what_has_no_numbers_is_not_plotted(owner, answered, fake):
    fake.says("| Name | Place |\n|---|---|\n| Ada | London |\n| Emmy | Erlangen |\n")
    id = owner.page(answered(owner)).message_ids[-1]
    page = owner.page(f"/messages/{id}/preview?block=0&view=plot")
    assert [view.text() for view in page.all(".preview__views a")] == ["Table", "Source", "Edit"]
    assert page.says("Erlangen")
    assert owner.get(f"/messages/{id}/preview/file?block=0&view=plot").status_code == 404


def test_the_versions_of_a_page_follow_each_other(owner, answered, fake):
    page = "```html\n<title>Snake</title>\n<p>{}</p>\n```\n"
    fake.says(page.format("One"))
    path = answered(owner)
    fake.says("```html\n<title>Clock</title>\n```\n\n" + page.format("Two"))
    owner.post(f"{path}/messages", message="Again")
    owner.wait_for(path, ended)
    first, second = (owner.page(path).message_ids[place] for place in (1, 3))
    newest = owner.htmx_get(f"/messages/{second}/preview?block=1&view=source")
    assert newest.one("#panel-title").text() == "Snake"
    assert newest.one(".panel__steps span:not([class])").text() == "2 of 2"
    [earlier] = newest.all(".panel__steps a")
    assert earlier.attributes["href"] == f"/messages/{first}/preview?block=0&view=source"
    assert owner.page(f"/messages/{first}/preview?block=0").one(".panel__steps a").attributes["title"] == "Later version"
    assert not owner.htmx_get(f"/messages/{second}/preview?block=0").all(".panel__steps")


def test_among_thousands_of_blocks_one_is_found(owner, answered, fake):
    fake.says("```svg\n<svg/>{}\n```\n".replace("{}", "x") * 3_000)
    id = owner.page(answered(owner)).message_ids[-1]
    page = owner.page(f"/messages/{id}/preview?block=1500")
    assert page.one("iframe")
    assert not page.all(".panel__steps"), "blocks of one message are no versions of each other"


def test_its_source_is_text(owner, message):
    source = owner.page(f"/messages/{message}/preview?block=0&view=source")
    assert source.one("pre").text() == "<p>Hello</p>\n"
    assert not source.all("iframe")
    assert not source.all("form[action*=preview]")


def test_none_is_for_strangers(stranger, message):
    for path in ("preview?block=0", "frame?block=0", "preview/file?block=0"):
        assert stranger.get(f"/messages/{message}/{path}").status_code == 404
        assert stranger.htmx_get(f"/messages/{message}/{path}").status_code == 404


@pytest.mark.parametrize(
    ("answer", "block", "edited"),
    [
        (ANSWER, 0, "<p>Edited</p>\n"),
        (ANSWER, 1, "graph TD\n  A --> C\n"),
        (f"Sales:\n\n{TABLE}", 0, "| Month | Revenue |\n|---|--:|\n| March | 7 |\n"),
        ("```csv\nFruit;Share\nPears;12\nPlums;3\n```\n", 0, "Fruit;Share\nPears;99\n"),
    ],
)
def test_what_was_edited_is_previewed_as_it_is_now(owner, answered, fake, answer, block, edited):
    fake.says(answer)
    id = owner.page(answered(owner)).message_ids[-1]
    url = f"/messages/{id}/preview?block={block}"
    # The whole message is a text of its own.
    owner.submit(f"{owner.post(f'/messages/{id}/texts', part='whole').location}/edit", text="Something else")
    owner.post(f"/messages/{id}/texts", part=f"block-{block}")
    assert owner.get(url).status_code == 200, "opened only, not edited"
    path = owner.post(f"/messages/{id}/texts", part=f"block-{block}").location
    owner.submit(f"{path}/edit", text=edited)
    assert owner.get(url).location == owner.htmx_get(url).location == path
    latest = owner.page(path)
    assert latest.one(".panel__steps span:not([class])").text() == "2 of 2"
    assert latest.one(".panel__steps a").attributes["href"].startswith(f"{path}?version=1")
    # As the message has it, by its address.
    for was in (owner.page(f"{url}&view=source"), owner.htmx_get(f"{url}&view=source")):
        assert was.one(".notice a").attributes["href"] == path
        assert edited not in was.one("pre").text(strip=False)


def test_what_was_edited_is_seen_by_those_who_see_its_text(owner, stranger, answered, fake):
    fake.says(ANSWER)
    chat = answered(owner)
    id = owner.page(chat).message_ids[-1]
    owner.submit(f"{owner.post(f'/messages/{id}/texts', part='block-0').location}/edit", text="<p>Edited</p>")
    assert owner.get(f"/messages/{id}/preview?block=0").status_code == 303
    assert owner.get(f"/messages/{id}/preview?block=1").status_code == 200
    assert stranger.get(f"/messages/{id}/preview?block=0").status_code == 404
