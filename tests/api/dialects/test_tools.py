"""The commands and scripts that test a server from outside, against a real one."""

import os
import subprocess
import sys
from contextlib import closing

import pytest
from click.testing import CliRunner
from gevent.pywsgi import WSGIServer

from tests.docs.snippets import node_command
from tests.support.people import user_with_password
from tests.support.server import ROOT
from webapp.guests.client_tools import dialects
from webapp.guests.client_tools.commands import lint_sse, smoke
from webapp.guests.client_tools.dialects import EXPECTED
from webapp.guests.client_tools.remote import Remote
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.people.accounts import tokens
from webapp.people.accounts.permissions import allowed_scopes
from webapp.settings.service import set_setting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def run(caller, *words, token=True):
    known = {"PATH": os.environ["PATH"], "MILLRACE_URL": caller.url}
    known |= {"MILLRACE_TOKEN": caller.token} if token else {}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=known, capture_output=True, text=True, timeout=60)


def tool(caller, command, *words, token=True):
    return CliRunner().invoke(command, [*words, *(["--token", caller.token] if token else [])])


@pytest.mark.parametrize("script", ["test_streaming", "test_streaming_chat"])
def test_a_script_says_what_it_saw(caller, fake, script):
    fake.says("Good morning to all of you.", pace=0.01)

    done = run(caller, f"scripts/{script}.py")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Good morning to all of you." in done.stdout
    assert done.stdout.endswith("It works.\n")


def test_scripts_say_what_does_not_work(caller, fake):
    fake.always({"status": 500, "json": {"error": {"message": "No."}}})
    visitor = run(caller, "scripts/test_streaming.py", token=False)
    refused = run(caller, "scripts/test_streaming_chat.py", "--token", "wrong")
    nobody = run(caller, "scripts/test_streaming.py", "--url", "http://127.0.0.1:9")

    assert visitor.returncode == 0, visitor.stdout + visitor.stderr
    assert (refused.returncode, nobody.returncode) == (1, 1)
    assert "401" in refused.stdout
    assert "isn't working" in nobody.stdout


def test_smoke_tries_everything_and_gives_a_verdict(caller, fake):
    fake.counts(150, pace=0.01)

    done = tool(caller, smoke, caller.url)

    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        "ok   is alive", "ok   sends and streams", "ok   reconnects", "ok   stops", "ok   tidies up",
    ]  # fmt: skip
    assert lines[-1] == f"{caller.url} works."


def test_smoke_fails_where_something_does_not_work(caller, fake):
    fake.says("Some words", cut_after=1)

    broken = tool(caller, smoke, caller.url)
    nobody = tool(caller, smoke, "http://127.0.0.1:9", token=False)

    assert (broken.exit_code, nobody.exit_code) == (1, 1)
    assert "BAD  sends and streams" in broken.output
    assert "BAD  is alive" in nobody.output


@pytest.mark.parametrize(
    ("example", "words"),
    [
        *((f"{folder}/ask.{kind}", ()) for folder in ("threads", "assistant") for kind in ("py", "mjs")),
        *((f"threads/workflow.{kind}", ("weekly-checkin", "low")) for kind in ("py", "mjs")),
    ],
)
def test_an_example_ends_and_says_so_when_its_model_fails(caller, fake, example, words):
    fake.says("Some words", cut_after=1)
    path = ROOT / "examples" / example
    command = node_command(path) if path.suffix == ".mjs" else [sys.executable, str(path)]
    known = {"PATH": os.environ["PATH"], "BASE": caller.url, "TOKEN": caller.token}

    done = subprocess.run([*command, *words], env=known, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1, done.stdout
    assert done.stderr


@pytest.fixture
def demo(make_app):
    """The address of an application with nothing but a demo that writes five times as fast, and a token of its owner."""
    app = make_app()
    PROVIDERS.set(Providers(DemoProvider(pace=0.005), Upstream()), app)
    with app.app_context():
        for name in ("limits.streams_per_minute", "limits.concurrent_streams", "limits.made_per_minute"):
            set_setting(name, "0")
        owner = user_with_password("owner@example.org", "owner")
        token = tokens.make_token(owner, "a program", allowed_scopes(owner))
    served = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None)
    served.start()
    yield f"http://127.0.0.1:{served.server_port}", token
    served.stop()


def test_smoke_tries_all_dialects_with_nothing_but_the_demo(demo):
    address, token = demo

    done = CliRunner().invoke(smoke, [address, "--dialects", "--token", token])

    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if "expect:" in line]
    names = ["roleplay", "quick chat", "threads", "assistant", "plans"]
    assert [line[5:].partition(" (")[0] for line in lines] == [f"{name}, {check}" for name in names for check in EXPECTED]
    # The client of a plan names no model.
    assert [line[:4] for line in lines if not line.startswith("ok")] == ["--  "]


def test_smoke_says_which_check_of_a_dialect_fails(caller, fake):
    fake.says("Some words", cut_after=1)
    with closing(Remote(caller.url, caller.token)) as remote:
        first = next(dialects.checks(remote, pause=lambda _: None))

    assert not first.is_ok
    assert "interrupted" in first.words
    assert tool(caller, smoke, caller.url, "--dialects", token=False).exit_code == 2


def test_our_own_streams_are_without_fault(caller, fake):
    fake.counts(150, pace=0.005)
    (chat,) = caller.new_chats(1)

    ended = tool(caller, lint_sse, f"{caller.url}/threads/{chat}/messages/stream", "--post", '{"content": "Hi"}')
    open_ended = tool(caller, lint_sse, f"{caller.url}/api/chat/{chat}/stream", "--seconds", "2")
    page = tool(caller, lint_sse, f"{caller.url}/healthz")

    assert (ended.exit_code, open_ended.exit_code, page.exit_code) == (0, 0, 1), ended.output + open_ended.output
    assert "it ended" in ended.output
    assert ended.output.endswith("No problems found.\n")
    assert "it continues" in open_ended.output
    assert "not text/event-stream" in page.output
