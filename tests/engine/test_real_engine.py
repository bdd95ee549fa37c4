"""Beside a real engine, llama.cpp's server with a small model: long chats, stops, a killed engine, vectors."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest
from flask import Flask

from tests.api.client import client_of
from tests.engine.bench import Bench
from tests.knowledge.conftest import Shelf
from tests.knowledge.meaning import chosen, is_ready, ranks, said
from tests.support.browser import Browser
from tests.support.engine import MODEL, Engine
from tests.tools.test_folding import Long
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.chat.messages import sending
from webapp.chat.record.tables import Chat
from webapp.engine.tables import Generation
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ConnectionInput
from webapp.settings.service import set_settings
from webapp.tools.tool import READS

pytestmark = [pytest.mark.deep, pytest.mark.timeout(1_800)]
TURNS, ROUNDS, TOKENS = 60, 20, 4_096
# An answer and a question have some 200 tokens, so that all of them are three times the context.
QUESTION = "Tell me about the otter that lives below the bridge, and about its children. " * 7
SECONDS = 300
TEXTS = {
    "Otter": "An otter swims below the bridge.",
    "Tax": "The tax return is due in May.",
    "Bread": "Bake the bread for an hour.",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("engine"), tokens=TOKENS)
    engine.start()
    yield engine
    engine.kill()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app()


@pytest.fixture
def local(bench: Bench, engine: Engine) -> str:
    """The model of the engine, as people choose it; its list says nothing of its context."""
    return connected(bench, engine.base_url)


@pytest.fixture
def calling(bench: Bench, engine: Engine) -> Iterator[str]:
    """The same model behind a server that makes it call a tool for many rounds."""
    options = ["--engine", engine.base_url, "--rounds", str(ROUNDS), "--tool", "count"]
    command = [sys.executable, "-m", "tests.support.calling_engine", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield connected(bench, f"http://127.0.0.1:{int(process.stdout.readline())}/v1")
        process.kill()


def connected(bench: Bench, base_url: str) -> str:
    """Adds the connection; returns its model."""
    with bench.app.app_context():
        slug = connections.create("openai", ConnectionInput(name="Engine", base_url=base_url), author=COMMAND_LINE)
        connections.refresh(slug, lambda: providers().provider(slug), author=COMMAND_LINE)
        values = {
            "models.max_tokens": "64",
            "limits.streams_per_minute": "0",
            # On a busy machine, it reads a long prompt for a minute.
            "stream.first_byte_seconds": "300",
            "stream.ladder_seconds": "900",
            "models.titles": "off",
            "models.temperature": "0.5",
        }
        set_settings(values, author=COMMAND_LINE)
        the_connections().forget()
        assert the_models().known(f"{slug}:{MODEL}").context_length is None
    return f"{slug}:{MODEL}"


def set_most_tokens(bench: Bench, tokens: int) -> None:
    with bench.app.app_context():
        set_settings({"models.max_tokens": str(tokens)}, author=COMMAND_LINE)


def ask(bench: Bench, text: str) -> Generation:
    with bench.app.app_context():
        id = sending.ask(db.session.scalars(db.select(Chat)).one(), text).id
    return bench.until_ended(id, SECONDS)


def continued(bench: Bench, answer: Generation) -> Generation:
    with bench.app.app_context():
        id = sending.continue_answer(bench.message(answer.id)).id
    return bench.until_ended(id, SECONDS)


def test_a_chat_that_outgrows_the_context_never_fails(bench: Bench, local: str) -> None:
    first = bench.until_ended(bench.ask(f"1. {QUESTION}", person=bench.person(), model=local), SECONDS)
    answers = [first, *(ask(bench, f"{number}. {QUESTION}") for number in range(2, TURNS + 1))]

    assert [(answer.status, answer.error) for answer in answers] == [("completed", "")] * TURNS
    assert all(bench.message(answer.id).content.strip() for answer in answers)
    refused = [attempt for answer in answers for attempt in answer.attempts]
    print(f"{TURNS} turns, {len(refused)} refusals, {len(answers[-1].notices)} notices of the last")
    assert len(refused) <= 3
    with bench.app.app_context():
        assert the_models().known(local).context_length == TOKENS


def test_a_run_of_many_long_results_ends(bench: Bench, calling: str) -> None:
    counter = Long(READS).offered(bench)
    with bench.app.app_context():
        # A slow machine takes long for them, and no one is asked to continue.
        set_settings({"tools.rounds": "100", "tools.chars": "1000000", "tools.seconds": "0"}, author=COMMAND_LINE)

    answer = bench.until_ended(bench.ask("Count.", person=bench.person(), model=calling, tools=["count"]), 4 * SECONDS)

    assert (answer.status, answer.error) == ("completed", "")
    assert bench.message(answer.id).content.strip()
    assert len(counter.done) == ROUNDS
    print(f"{ROUNDS} rounds, {len(answer.attempts)} refusals")


def test_a_stop_frees_the_engine_at_once(bench: Bench, local: str) -> None:
    person = bench.person()
    set_most_tokens(bench, 2_000)
    id = bench.ask("Count from one to a thousand, in words.", person=person, model=local)
    bench.until(lambda: bool(bench.said(id)), SECONDS)

    began = monotonic()
    bench.engine.live[id].run.stop.request("user")
    assert bench.until_ended(id).status == "stopped"
    set_most_tokens(bench, 1)
    next_id = bench.ask("Hello", person=person, model=local)
    assert bench.until_ended(next_id, SECONDS).status == "completed"
    seconds = monotonic() - began
    print(f"free {seconds:.2f} s after the stop")
    assert seconds < 10


def test_an_answer_cut_off_by_a_kill_is_continued(bench: Bench, engine: Engine, local: str) -> None:
    set_most_tokens(bench, 2_000)
    id = bench.ask("Tell a long story about an otter.", person=bench.person(), model=local)
    bench.until(lambda: len(bench.said(id)) > 40, SECONDS)
    engine.kill()
    answer = bench.until_ended(id, SECONDS)
    engine.start()
    assert answer.status == "interrupted"
    before = bench.message(answer.id).content
    assert before

    set_most_tokens(bench, 48)
    after = bench.message(continued(bench, answer).id).content

    assert after.startswith(before)
    print(f"{len(before)} characters kept, {len(after) - len(before)} added")


def test_an_answer_at_its_limit_is_continued(bench: Bench, local: str) -> None:
    set_most_tokens(bench, 16)
    answer = bench.until_ended(bench.ask("Tell a long story about an otter.", person=bench.person(), model=local), SECONDS)
    assert (answer.status, answer.reason) == ("completed", "length")
    before = bench.message(answer.id).content

    longer = continued(bench, answer)

    assert longer.status == "completed"
    assert bench.message(longer.id).content.startswith(before)


def test_documents_are_found_by_its_vectors(app: Flask, owner: Browser, tmp_path: Path) -> None:
    engine = Engine(tmp_path, tokens=512, embeds=True)
    engine.start()
    shelf = Shelf(client_of(app, owner.email))
    try:
        with app.app_context():
            slug = connections.create("openai", ConnectionInput(name="Vectors", base_url=engine.base_url), author=COMMAND_LINE)
            the_connections().forget()
        chosen(shelf, f"{slug}:{MODEL}")
        collection = shelf.collection()
        for title, text in TEXTS.items():
            shelf.text(collection, text, title=title)
        said(shelf, collection, is_ready)
        places = {title: place for title, _, place in ranks(shelf, "Otters swim below bridges.")}
    finally:
        engine.kill()
    print(f"places by vectors: {places}")
    assert places["Otter"] == 1
