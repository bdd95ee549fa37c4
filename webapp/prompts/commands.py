"""Commands that simulate experiments: `flask sim`."""

import click
from flask.cli import AppGroup

from webapp.prompts import simulation

sim = AppGroup("sim", help="Play experiments whose right answer is known.")
MOST_RUNS = 100_000


def rates_of(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    """Parses two to ten comma-separated numbers from 0 to 1."""
    try:
        rates = tuple(float(each) for each in text.split(","))
    except ValueError:
        rates = ()
    if not 2 <= len(rates) <= 10 or not all(0 <= each <= 1 for each in rates):
        raise click.BadParameter("Give two to ten numbers from 0 to 1, such as .6,.85.")
    return rates


@sim.command("experiment")
@click.option("--aa", "is_aa", is_flag=True, help="Two identical arms: every winner is a false one.")
@click.option("--rates", callback=rates_of, default=".6,.85", show_default=True, help="How often an answer of each arm is good.")
@click.option("--runs", type=click.IntRange(1, MOST_RUNS), default=1000, show_default=True)
@click.option("--most", type=click.IntRange(20, 100_000), default=500, show_default=True, help="Answers per arm at most.")
@click.option("--seed", type=int, default=1, show_default=True)
def experiment(is_aa: bool, rates: tuple[float, ...], runs: int, most: int, seed: int) -> None:
    """Show how often an experiment finds a winner, and when."""
    arms = (rates[0], rates[0]) if is_aa else rates
    played = simulation.experiments(arms, runs=runs, most=most, seed=seed)
    click.echo(f"false winners {100 * played.won:.1f} %" if is_aa else f"right winner {100 * played.right:.1f} %")
    if not is_aa:
        click.echo(f"median {played.answers if played.answers is not None else 'unknown'}")


@sim.command("bandit")
@click.option("--rates", callback=rates_of, default=".7,.8", show_default=True, help="How often an answer of each arm is good.")
@click.option("--runs", type=click.IntRange(1, MOST_RUNS), default=200, show_default=True)
@click.option("--answers", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Answers in each run.")
@click.option("--seed", type=int, default=1, show_default=True)
def bandit(rates: tuple[float, ...], runs: int, answers: int, seed: int) -> None:
    """Show how much is lost against the best version."""
    played = simulation.bandits(rates, runs=runs, answers=answers, seed=seed)
    click.echo(f"regret {played.regret:.1f}")
    click.echo(f"least used arm {100 * played.least_share:.1f} %")
