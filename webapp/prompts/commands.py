"""`flask sim`: plays experiments with known rates, to measure how often the rules decide correctly."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean, median

import click
from flask.cli import AppGroup

from webapp.prompts.evidence import Arm, pick, winner

sim = AppGroup("sim", help="Play experiments whose right answer is known.")
MOST_RUNS = 100_000


@dataclass(frozen=True, slots=True)
class PlayedTrials:
    """Results of many experiments.

    `won` and `right` are the shares with any winner and with the right one; `answers` is the median per arm until one was
    found.
    """

    won: float
    right: float
    answers: int | None


@dataclass(frozen=True, slots=True)
class Banditry:
    """The mean regret of a bandit against always using the best arm, and the smallest share that any arm had in a run."""

    regret: float
    least_share: float


def played_experiments(rates: Sequence[float], *, runs: int, most: int, seed: int) -> PlayedTrials:
    """Runs experiments that check after every answer, until there is a winner or each arm has `most` answers."""
    luck = Random(seed)
    ends = [_experiment(rates, most, luck) for _ in range(runs)]
    best = max(range(len(rates)), key=lambda n: rates[n])
    counts = [answers for arm, answers in ends if arm is not None]
    right = sum(arm == best for arm, _ in ends) / runs
    return PlayedTrials(len(counts) / runs, right, round(median(counts)) if counts else None)


def played_bandits(rates: Sequence[float], *, runs: int, answers: int, seed: int) -> Banditry:
    """Runs the bandit `runs` times with this many answers each."""
    luck = Random(seed)
    played = [_bandit(rates, answers, luck) for _ in range(runs)]
    return Banditry(mean(banditry.regret for banditry in played), min(banditry.least_share for banditry in played))


def _experiment(rates: Sequence[float], most: int, luck: Random) -> tuple[int | None, int]:
    good = [0] * len(rates)
    for answers in range(1, most + 1):
        for n, rate in enumerate(rates):
            good[n] += luck.random() < rate
        if best := winner([Arm(n, count, answers) for n, count in enumerate(good)]):
            return best.version, answers
    return None, most


def _bandit(rates: Sequence[float], answers: int, luck: Random) -> Banditry:
    arms = [Arm(n, 0, 0) for n in range(len(rates))]
    lost = 0.0
    for _ in range(answers):
        chosen_arm = pick(arms, luck)
        rate = rates[chosen_arm.version]
        lost += max(rates) - rate
        arms[chosen_arm.version] = Arm(chosen_arm.version, chosen_arm.good + (luck.random() < rate), chosen_arm.answers + 1)
    return Banditry(lost, min(arm.answers for arm in arms) / answers)


def rates_of(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    """Parses two to ten comma-separated numbers from 0 to 1."""
    try:
        rates = tuple(float(rate) for rate in text.split(","))
    except ValueError:
        rates = ()
    if not 2 <= len(rates) <= 10 or not all(0 <= rate <= 1 for rate in rates):
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
    played = played_experiments(arms, runs=runs, most=most, seed=seed)
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
    played = played_bandits(rates, runs=runs, answers=answers, seed=seed)
    click.echo(f"regret {played.regret:.1f}")
    click.echo(f"least used arm {100 * played.least_share:.1f} %")
