"""The `knowledge` commands: add files to a collection, try a question as any person, measure the search on the kept questions."""

import sys
import time
from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy import or_, select

from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db
from webapp.base.errors import Invalid, NotFound, TooMany
from webapp.base.words import plural
from webapp.engine.engine import the_engine
from webapp.knowledge import formats
from webapp.knowledge.documents import service as document_service
from webapp.knowledge.queries import UNFINISHED
from webapp.knowledge.tables import Collection, Document, TrialQuestion
from webapp.knowledge.trying import service as question_service
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.tables import User
from webapp.web.command_errors import names_database, one_line_errors

knowledge = AppGroup("knowledge", help="Add documents, try questions, measure the search.")
POLL_SECONDS = 0.1
# How long to wait for one file: until the background work starts, and for the reader process with its own timeouts.
MOST_SECONDS = 3_600.0


@knowledge.command("add")
@click.argument("collection")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@one_line_errors
@names_database
def add(collection: str, files: tuple[Path, ...]) -> None:
    """Add files to a collection, by its name or id, and read them."""
    row = _collection(collection)
    failed = [file for file in files if not _is_read(row.id, file)]
    if failed:
        sys.exit(1)


@knowledge.command("try")
@click.argument("question")
@click.option("--as", "email", required=True, help="Whose documents to search. It is written to the audit log.")
@one_line_errors
def ask(question: str, email: str) -> None:
    """Show which passages a person would find, and why."""
    person = account_queries.user_of(email)
    question_service.viewed_as(person, author=COMMAND_LINE)
    result = question_service.tried(person, question, is_viewed=True)
    for hit, reasons, is_given in result.hits:
        ranks = {"words": hit.ranked.keyword_rank, "meaning": hit.ranked.vector_rank}
        status = ", ".join(f"{name} {rank}" for name, rank in ranks.items() if rank)
        title, heading = hit.document.title, formats.below(hit.document.title, hit.passage.heading)
        where = formats.BELOW.join(filter(None, (title, heading)))
        click.echo(f"{hit.rank}. {where} ({status}){' *' if is_given else ''}")
        if reasons:
            click.echo("   " + ", ".join(f"{reason.word} {reason.share:.2f}" for reason in reasons))
    click.echo("* given to an answer" if result.hits else "Not in their documents.")
    if result.left_out:
        click.echo(f"Not searched by meaning: {result.left_out}")


@knowledge.command("measure")
@click.option("--as", "email", default="", help="Whose questions; everyone's if left out.")
@one_line_errors
def measure(email: str) -> None:
    """Measure how well the questions that people keep are answered."""
    asking = select(TrialQuestion.owner_id).distinct().order_by(TrialQuestion.owner_id)
    ids = [account_queries.user_of(email).id] if email else list(db.session.scalars(asking))
    if not ids:
        raise Invalid("There are no kept questions yet.")
    for id in ids:
        person = db.session.get_one(User, id)
        run = question_service.run(person)
        figures = f"recall@5 {run.recall:.2f}, nDCG@10 {run.ndcg:.2f}"
        click.echo(f"{db.session.get_one(User, id).email}: {plural(run.questions, 'question')}, {figures}")
        for missed in db.session.scalars(
            select(TrialQuestion).where(TrialQuestion.id.in_(run.misses)).order_by(TrialQuestion.id)
        ):
            click.echo(f"   missed: {missed.text}")


def _collection(name: str) -> Collection:
    query = select(Collection).where(Collection.deleted_at.is_(None), or_(Collection.id == name, Collection.name == name))
    collections = db.session.scalars(query.limit(2)).all()
    if len(collections) > 1:
        raise Invalid(f"Several collections are called {name}. Use the id at the end of its page's address.")
    if not collections:
        raise NotFound(f"There is no collection {name}.")
    return collections[0]


def _is_read(collection_id: str, file: Path) -> bool:
    """Adds a file, waits until it is ready or has failed, and prints the result."""
    added = _added(collection_id, file)
    id, already = added.document.id, "" if added.is_new else ", already there"
    until = time.monotonic() + MOST_SECONDS
    while (document := db.session.get_one(Document, id)).state in UNFINISHED and time.monotonic() < until:
        db.session.rollback()
        the_engine().pause(POLL_SECONDS)
    is_ready = document.state == "ready"
    status = plural(document.passages, "passage") + already if is_ready else document.error or document.state
    click.echo(f"{file.name}: {status}")
    return is_ready


def _added(collection_id: str, file: Path) -> document_service.Added:
    """Adds the file as the collection's owner; waits when the rate limit refuses it, as it does for everyone."""
    while True:
        collection = db.session.get_one(Collection, collection_id)
        owner = db.session.get_one(User, collection.owner_id)
        try:
            with file.open("rb") as stream:
                return document_service.add(collection, document_service.UploadedDocument(stream, file.name), by=owner)
        except TooMany as refusal:
            the_engine().pause(refusal.retry_after)
