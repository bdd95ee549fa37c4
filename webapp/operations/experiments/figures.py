"""The figures of an experiment's arms, and the statistical evidence in them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from webapp.prompts.evidence import MIN_SAMPLES, STRONG, Arm, answers_to_go, bayes_factor, is_imbalanced

# An arm is paused if it fails this many times as often as the control, once it has this many answers.
TIMES, PAUSE_SAMPLES = 3, 20
# Below this Bayes factor, the evidence is equally strong that two arms are alike.
ALIKE = 1 / STRONG
# After this many answers with each version, it is not worth waiting for this many more.
ENOUGH, MOST_MORE = 300, 5_000


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """The figures of an arm; `exposures` are its requests, `units` the people.

    Of the answers that have `ended`, `broken` failed; `judged` count for the outcome.
    """

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
    """The evidence; `contenders` are the arms that no other is known to beat, best first. A single one is the winner."""

    factor: float
    contenders: tuple[ArmFigures, ...]
    more: int | None
    is_imbalanced: bool

    @property
    def winner(self) -> ArmFigures | None:
        return self.contenders[0] if len(self.contenders) == 1 and self.factor >= STRONG else None

    @property
    def are_alike(self) -> bool:
        """Whether the contenders do equally well, or so nearly that finding the difference would take too long."""
        if len(self.contenders) < 2:
            return False
        first, second = self.contenders[:2]
        judged = min(first.judged, second.judged)
        is_hopeless = judged >= ENOUGH and (self.more is None or self.more > MOST_MORE)
        return is_hopeless or (judged >= MIN_SAMPLES and bayes_factor((first.arm, second.arm)) <= ALIKE)


def evidence(arms: Sequence[ArmFigures], *, has_shares: bool) -> Evidence:
    """Evaluates the figures; with `has_shares`, also checks whether the versions were given out in the intended shares."""
    open_arms = sorted((arm for arm in arms if not arm.paused_words), key=lambda arm: -(arm.rate or 0))
    open_left = tuple(arm for arm in open_arms if not any(_is_better(other, arm) for other in open_arms))
    more = answers_to_go([arm.arm for arm in open_left[:2]]) if len(open_left) > 1 else None
    factor = bayes_factor([arm.arm for arm in open_arms]) if open_arms else 1.0
    shares: Mapping[int, float] = {arm.version: arm.weight for arm in arms}
    people = [Arm(arm.version, 0, arm.units) for arm in arms]
    is_skewed = has_shares and len(open_arms) == len(arms) and is_imbalanced(people, shares)
    return Evidence(factor, open_left, more, is_skewed)


def fails_too_often(arm: ArmFigures, control: ArmFigures) -> bool:
    """Returns whether an arm fails over three times as often as the control, which is assumed to have failed at least once."""
    if arm.ended < PAUSE_SAMPLES:
        return False
    base = max(control.broken, 1) / max(control.ended, PAUSE_SAMPLES)
    return arm.broken / arm.ended > TIMES * base


def _is_better(one: ArmFigures, other: ArmFigures) -> bool:
    has_enough = min(one.judged, other.judged) >= MIN_SAMPLES
    return has_enough and (one.rate or 0) > (other.rate or 0) and bayes_factor((one.arm, other.arm)) >= STRONG
