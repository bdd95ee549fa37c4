"""`flask bench`: measures this machine and the product on it."""

import sys

import click
from flask.cli import AppGroup

from webapp.bench.stream import Load, measure

bench = AppGroup("bench", help="Measurements.")


@bench.command("stream")
@click.option("--answers", default=100, show_default=True, help="How many at once.")
@click.option("--tokens", default=400, show_default=True, help="How long each is.")
@click.option("--rate", default=50.0, show_default=True, help="Tokens a second.")
def stream(answers: int, tokens: int, rate: float) -> None:
    """Many answers at once, beside a minimal relay run in the same minute."""
    if not measure(Load(answers, tokens, rate), click.echo):
        sys.exit("Tokens were lost.")
