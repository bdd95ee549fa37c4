"""What is known of the arms of an experiment, and what follows from it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from webapp.prompts.evidence import MIN_SAMPLES, STRONG, Arm, answers_to_go, bayes_factor, is_imbalanced

# An arm that fails so many times as often as the control is paused, once it has so many answers.
TIMES, PAUSE_SAMPLES = 3, 20
# The evidence is as strong that two arms are alike.
ALIKE = 1 / STRONG
# After so many of each version, nobody waits for so many more.
ENOUGH, MOST_MORE = 300, 5_000


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """`exposures` were asked with the arm, `units` people; of those that have `ended`, `broken` failed, and `judged` count."""

    version: int
    letter: str
    weight: float = 50.0
    exposures: int = 0
    units: int = 0
    ended: int = 0
    broken: int = 0
    judged: int = 0
    good: int = 0
    ttft_p95_ms: int | None = None
    cost: Decimal | None = None
    paused_words: str = ""

    @property
    def rate(self) -> float | None:
        return self.good / self.judged if self.judged else None

    @property
    def error_rate(self) -> float | None:
        return self.broken / self.ended if self.ended else None

    @property
    def arm(self) -> Arm:
        return Arm(self.version, self.good, self.judged)


@dataclass(frozen=True, slots=True)
class Evidence:
    """`contenders` are the arms that none is known to be better than, the best first; with one alone, that is the winner."""

    factor: float
    contenders: tuple[ArmFigures, ...]
    more: int | None
    is_imbalanced: bool

    @property
    def winner(self) -> ArmFigures | None:
        return self.contenders[0] if len(self.contenders) == 1 and self.factor >= STRONG else None

    @property
    def are_alike(self) -> bool:
        """Whether those that are left do equally well, or so nearly that no one could wait for the difference."""
        if len(self.contenders) < 2:
            return False
        first, second = self.contenders[:2]
        judged = min(first.judged, second.judged)
        is_hopeless = judged >= ENOUGH and (self.more is None or self.more > MOST_MORE)
        return is_hopeless or (judged >= MIN_SAMPLES and bayes_factor((first.arm, second.arm)) <= ALIKE)


def evidence(arms: Sequence[ArmFigures], *, has_shares: bool) -> Evidence:
    """What the figures say; only those who were given shares can be given others than were wanted."""
    open_arms = sorted((each for each in arms if not each.paused_words), key=lambda each: -(each.rate or 0))
    left = tuple(each for each in open_arms if not any(_is_better(other, each) for other in open_arms))
    more = answers_to_go([each.arm for each in left[:2]]) if len(left) > 1 else None
    factor = bayes_factor([each.arm for each in open_arms]) if open_arms else 1.0
    shares: Mapping[int, float] = {each.version: each.weight for each in arms}
    people = [Arm(each.version, 0, each.units) for each in arms]
    is_skewed = has_shares and len(open_arms) == len(arms) and is_imbalanced(people, shares)
    return Evidence(factor, left, more, is_skewed)


def fails_too_often(arm: ArmFigures, control: ArmFigures) -> bool:
    """Three times as often as the control, which is taken to have failed once at least."""
    if arm.ended < PAUSE_SAMPLES:
        return False
    base = max(control.broken, 1) / max(control.ended, PAUSE_SAMPLES)
    return arm.broken / arm.ended > TIMES * base


def _is_better(one: ArmFigures, other: ArmFigures) -> bool:
    has_enough = min(one.judged, other.judged) >= MIN_SAMPLES
    return has_enough and (one.rate or 0) > (other.rate or 0) and bayes_factor((one.arm, other.arm)) >= STRONG
