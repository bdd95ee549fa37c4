"""How sure one is that versions differ, however often one looks; and whether as many were given each as was wanted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, gamma, lgamma, sqrt

STRONG = 10.0
# With fewer, whoever looks after every answer finds more than 6 in 100 winners among arms that are alike.
MIN_SAMPLES = 30
# Shares that differ from what was wanted by mere chance are rarer than that.
IMBALANCED = 0.001
MOST_EXP = 700.0
# Further ahead nobody plans.
MOST_MORE = 100_000


@dataclass(frozen=True, slots=True)
class Arm:
    """Of so many answers of a version, so many were good."""

    version: int
    good: int
    answers: int

    @property
    def rate(self) -> float:
        return self.good / self.answers if self.answers else 0.0


def bayes_factor(arms: Sequence[Arm]) -> float:
    """How much better the figures fit to a rate of its own for each than to one for all; uniform priors."""
    own = sum(_log_beta(each.good, each.answers) for each in arms)
    shared = _log_beta(sum(each.good for each in arms), sum(each.answers for each in arms))
    return exp(min(own - shared, MOST_EXP))


def winner(arms: Sequence[Arm], *, min_samples: int = MIN_SAMPLES) -> Arm | None:
    """The best one, as soon as there is strong evidence that they differ."""
    if len(arms) < 2 or min(each.answers for each in arms) < min_samples or bayes_factor(arms) < STRONG:
        return None
    return max(arms, key=lambda each: each.rate)


def is_imbalanced(arms: Sequence[Arm], weights: Mapping[int, float]) -> bool:
    """Whether the shares are not those that were wanted: something keeps answers of one arm from being counted."""
    answers, whole = sum(each.answers for each in arms), sum(weights.get(each.version, 0) for each in arms)
    if not answers or not whole:
        return False
    expected = {each.version: answers * weights.get(each.version, 0) / whole for each in arms}
    if any(each.answers and not expected[each.version] for each in arms):
        return True
    known = [each for each in arms if expected[each.version]]
    square = sum((each.answers - expected[each.version]) ** 2 / expected[each.version] for each in known)
    return len(known) > 1 and _chance(square, len(known) - 1) < IMBALANCED


def answers_to_go(arms: Sequence[Arm]) -> int | None:
    """About how many more answers each arm needs if all goes on as it does; None when nobody can say."""
    most = max((each.answers for each in arms), default=0)
    more = max(MIN_SAMPLES - min((each.answers for each in arms), default=0), 1)
    while most and more <= MOST_MORE:
        ahead = [Arm(each.version, round(each.rate * (each.answers + more)), each.answers + more) for each in arms]
        if winner(ahead):
            return more
        more = more * 5 // 4 + 1
    return None


def _log_beta(good: int, answers: int) -> float:
    return lgamma(1 + good) + lgamma(1 + answers - good) - lgamma(2 + answers)


def _chance(square: float, freedom: int) -> float:
    """The chance of such a chi-square or a greater one."""
    half = square / 2
    chance, at = (erfc(sqrt(half)), 1) if freedom % 2 else (exp(-half), 2)
    while at < freedom:
        chance += half ** (at / 2) * exp(-half) / gamma(at / 2 + 1)
        at += 2
    return chance
