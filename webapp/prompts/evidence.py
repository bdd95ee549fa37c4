"""Statistics of experiments: whether versions differ, whether their shares are right, and which a bandit tries next. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, gamma, lgamma, sqrt
from random import Random

STRONG = 10.0
# With fewer samples, checking after every answer finds false winners in more than 6 of 100 experiments with identical arms.
MIN_SAMPLES = 30
# The p-value of the chi-square test below which the shares of the arms count as wrong.
IMBALANCED = 0.001
MOST_EXP = 700.0
# A longer forecast is useless.
MOST_MORE = 100_000
# What a bandit gives each version: this many answers to begin with, and this share of all later ones.
MIN_TRIES, FLOOR = 20, 0.05


@dataclass(frozen=True, slots=True)
class Arm:
    """A version's number of answers, and how many of them were good."""

    version: int
    good: int
    answers: int

    @property
    def rate(self) -> float:
        return self.good / self.answers if self.answers else 0.0


def bayes_factor(arms: Sequence[Arm]) -> float:
    """Returns the Bayes factor of separate rates for each arm against one common rate, with uniform priors."""
    own = sum(_log_beta(arm.good, arm.answers) for arm in arms)
    shared = _log_beta(sum(arm.good for arm in arms), sum(arm.answers for arm in arms))
    return exp(min(own - shared, MOST_EXP))


def winner(arms: Sequence[Arm]) -> Arm | None:
    """Returns the best arm once there is strong evidence that they differ."""
    if len(arms) < 2 or min(arm.answers for arm in arms) < MIN_SAMPLES or bayes_factor(arms) < STRONG:
        return None
    return max(arms, key=lambda arm: arm.rate)


def is_imbalanced(arms: Sequence[Arm], weights: Mapping[int, float]) -> bool:
    """Returns whether shares differ from the configured ones (chi-square), a sign that some arm's answers are not counted."""
    answers, whole = sum(arm.answers for arm in arms), sum(weights.get(arm.version, 0) for arm in arms)
    if not answers or not whole:
        return False
    expected = {arm.version: answers * weights.get(arm.version, 0) / whole for arm in arms}
    if any(arm.answers and not expected[arm.version] for arm in arms):
        return True
    weighted_arms = [arm for arm in arms if expected[arm.version]]
    square = sum((arm.answers - expected[arm.version]) ** 2 / expected[arm.version] for arm in weighted_arms)
    return len(weighted_arms) > 1 and _chance(square, len(weighted_arms) - 1) < IMBALANCED


def answers_to_go(arms: Sequence[Arm]) -> int | None:
    """Estimates how many more answers each arm needs at the current rates; None if there is no estimate."""
    most = max((arm.answers for arm in arms), default=0)
    more = max(MIN_SAMPLES - min((arm.answers for arm in arms), default=0), 1)
    while most and more <= MOST_MORE:
        ahead = [Arm(arm.version, round(arm.rate * (arm.answers + more)), arm.answers + more) for arm in arms]
        if winner(ahead):
            return more
        more = more * 5 // 4 + 1
    return None


def _log_beta(good: int, answers: int) -> float:
    return lgamma(1 + good) + lgamma(1 + answers - good) - lgamma(2 + answers)


def _chance(square: float, freedom: int) -> float:
    """Returns the probability of this chi-square or a greater one."""
    half = square / 2
    chance, at = (erfc(sqrt(half)), 1) if freedom % 2 else (exp(-half), 2)
    while at < freedom:
        chance += half ** (at / 2) * exp(-half) / gamma(at / 2 + 1)
        at += 2
    return chance


def pick(
    arms: Sequence[Arm],
    luck: Random,
    *,
    min_samples: int = MIN_TRIES,
    given: Mapping[int, int] | None = None,
) -> Arm:
    """Takes turns until each version has `min_samples`; then uses Thompson sampling, while each keeps the share `FLOOR`.

    `given` counts how often each version was used, including answers that are not judged yet.
    """
    times = {arm.version: max(arm.answers, (given or {}).get(arm.version, 0)) for arm in arms}
    least = min(arms, key=lambda arm: (times[arm.version], arm.version))
    if times[least.version] < max(min_samples, min(FLOOR, 1 / len(arms)) * (sum(times.values()) + 1)):
        return least
    return max(arms, key=lambda arm: luck.betavariate(1 + arm.good, 1 + arm.answers - arm.good))
