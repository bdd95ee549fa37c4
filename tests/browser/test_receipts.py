"""When each message was written and, one click away, which model answered, what it cost, and what was sent."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
AGO = re.compile(r"^\s*(just now|\d minutes? ago)\s*$")


@pytest.mark.mostly_deep
@pytest.mark.parametrize("scripts", [True, False])
def test_the_time_of_a_message_leads_to_its_details(server: Server, upstream: Upstream, visit: Visit, scripts: bool) -> None:
    upstream.says("Ready.", cost=0.0012)
    chat = visit(server).begin("Are you ready?")
    chat.expect("completed")
    page = visit(server, java_script_enabled=scripts).open(chat.path)
    question, answer = page.locator("article[data-role=user]"), page.locator("article[data-role=assistant]")
    link, facts = answer.get_by_role("link", name="What was sent"), answer.locator(".receipt p")

    question.hover()
    expect(question.locator(".when")).to_have_css("opacity", "1")
    expect(question.locator(".when")).to_have_text(AGO)
    expect(link).to_be_hidden()
    answer.locator(".receipt summary").focus()
    page.keyboard.press("Enter")
    expect(link).to_be_visible()
    expect(facts).to_contain_text("Plain · ")
    expect(facts).to_contain_text("$0.0012")
    expect(facts.locator("time")).to_contain_text("20")
    # Only inside a message the time is hidden until the pointer is there.
    list_page = visit(server, java_script_enabled=scripts).open("/chats")
    expect(list_page.locator(".rows .when").first).to_have_css("opacity", "1")
    link.click()
    expect(page.locator(".part pre").last).to_have_text("Are you ready?")
