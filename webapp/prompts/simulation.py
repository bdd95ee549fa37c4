"""Simulates experiments with known rates, to measure how often the rules decide correctly. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import mean, median

from webapp.prompts.bandit import pick
from webapp.prompts.evidence import Arm, winner


@dataclass(frozen=True, slots=True)
class Played:
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


def experiments(rates: Sequence[float], *, runs: int, most: int, seed: int) -> Played:
    """Runs experiments that check after every answer, until there is a winner or each arm has `most` answers."""
    luck = Random(seed)
    ends = [_experiment(rates, most, luck) for _ in range(runs)]
    best = max(range(len(rates)), key=lambda n: rates[n])
    found = [answers for arm, answers in ends if arm is not None]
    right = sum(arm == best for arm, _ in ends) / runs
    return Played(len(found) / runs, right, round(median(found)) if found else None)


def bandits(rates: Sequence[float], *, runs: int, answers: int, seed: int) -> Banditry:
    """Runs the bandit `runs` times with this many answers each."""
    luck = Random(seed)
    played = [_bandit(rates, answers, luck) for _ in range(runs)]
    return Banditry(mean(each.regret for each in played), min(each.least_share for each in played))


def _experiment(rates: Sequence[float], most: int, luck: Random) -> tuple[int | None, int]:
    good = [0] * len(rates)
    for answers in range(1, most + 1):
        for n, rate in enumerate(rates):
            good[n] += luck.random() < rate
        if best := winner([Arm(n, each, answers) for n, each in enumerate(good)]):
            return best.version, answers
    return None, most


def _bandit(rates: Sequence[float], answers: int, luck: Random) -> Banditry:
    arms = [Arm(n, 0, 0) for n in range(len(rates))]
    lost = 0.0
    for _ in range(answers):
        chosen = pick(arms, luck)
        rate = rates[chosen.version]
        lost += max(rates) - rate
        arms[chosen.version] = Arm(chosen.version, chosen.good + (luck.random() < rate), chosen.answers + 1)
    return Banditry(lost, min(each.answers for each in arms) / answers)
