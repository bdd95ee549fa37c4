"""Explains an experiment's state to people who know no statistics: what to do, and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.base.words import number, plural
from webapp.operations.experiments.figures import ArmFigures, Evidence, evidence
from webapp.prompts.evidence import MIN_SAMPLES

# What counts as success: the words in the form, in a sentence about the answers, and the noun for how many more are needed.
OUTCOMES = {
    "good": (
        "No complaint (a thumbs up; or no rating, and not tried again, stopped or deleted within 10 minutes)",
        "good",
        "answer",
    ),
    "thumbs": ("Thumbs up (answers without a rating don't count)", "liked", "rating"),
    "completed": ("Answers that are complete", "complete", "answer"),
    "unrepaired": ("Plans that are complete without a repair", "complete without a repair", "plan"),
}
# Smaller relative differences are not mentioned.
WORTH_SAYING = 0.1
CHANCE = "So far, the difference may just be chance."
# More answers than a small team gets in weeks.
VERY_MANY = 1000
WAIT, USE, KEEP, EITHER, STOP = "wait", "use", "keep", "either", "stop"


@dataclass(frozen=True, slots=True)
class RecommendationCard:
    """The recommendation: `decision` in a word, `title` in a line, `words` the reasons; `version` is the one to use, if any."""

    decision: str
    title: str
    words: tuple[str, ...]
    version: int | None = None

    @property
    def text(self) -> str:
        return " ".join((f"{self.title}.", *self.words))


def card(arms: Sequence[ArmFigures], outcome: str, *, has_shares: bool = True) -> RecommendationCard:
    """Returns the recommendation for the present figures; the first arm is the version that was in use before."""
    comparison, control = evidence(arms, has_shares=has_shares), arms[0]
    paused = tuple(arm.paused_words for arm in arms if arm.paused_words)
    running_arms = [arm for arm in arms if not arm.paused_words]
    if not any(arm.exposures for arm in arms):
        return RecommendationCard(WAIT, "Wait", ("No answers have been made with these versions yet.",))
    if comparison.is_imbalanced:
        return RecommendationCard(STOP, "Stop it, and don't trust these figures", (_skewed(arms),))
    if len(running_arms) == 1:
        return RecommendationCard(
            KEEP,
            f"Keep {_name(running_arms[0])}",
            (*paused, f"Nothing is left to compare {running_arms[0].letter} with."),
            running_arms[0].version,
        )
    if winner := comparison.winner:
        return _won(winner, running_arms, control, outcome, comparison, paused)
    if comparison.are_alike:
        return _alike(comparison, control, outcome, paused)
    return RecommendationCard(WAIT, "Wait", (*paused, *_too_early(comparison, outcome)))


def percent(rate: float | None) -> str:
    """Formats a rate, rounding to 100 % or 0 % only if it is exact."""
    if rate is None:
        return "–"
    return f"{min(max(round(rate * 100), 1), 99) if 0 < rate < 1 else round(rate * 100)} %"


def seconds(ms: int | None) -> str:
    return "–" if ms is None else f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _won(
    best: ArmFigures,
    arm_figures: Sequence[ArmFigures],
    control: ArmFigures,
    outcome: str,
    evidence: Evidence,
    paused: tuple[str, ...],
) -> RecommendationCard:
    second = max((arm for arm in arm_figures if arm is not best), key=lambda arm: arm.rate or 0)
    why = f"{best.letter} is better: {percent(best.rate)} against {percent(second.rate)} {_good(outcome)}."
    factor = f"over {number(1000)}" if evidence.factor > 1000 else f"{evidence.factor:.0f}"
    sure = (
        f"The evidence is strong: with a real difference such figures are {factor} times likelier than by chance (BF {factor})."
    )
    if best is control:
        return RecommendationCard(KEEP, f"Keep {_name(best)}", (*paused, why, sure), best.version)
    return RecommendationCard(USE, f"Use {_name(best)}", (*paused, why, sure, *_price(best, control)), best.version)


def _alike(evidence: Evidence, control: ArmFigures, outcome: str, paused: tuple[str, ...]) -> RecommendationCard:
    first, second = sorted(evidence.contenders[:2], key=lambda arm: arm.letter)
    why = (
        f"No difference that matters: {percent(first.rate)} {_good(outcome)} with {first.letter} and {percent(second.rate)} "
        f"with {second.letter}."
    )
    others = [contender for contender in evidence.contenders if contender is not control]
    is_beaten = control not in evidence.contenders
    better = next((arm for arm in others if is_beaten or _change(arm.cost, control.cost) < 0), None)
    if better:
        return RecommendationCard(USE, f"Use {_name(better)}", (*paused, why, *_price(better, control)), better.version)
    dearer = tuple(words for arm in others for words in _price(arm, control))
    if dearer:
        return RecommendationCard(KEEP, f"Keep {_name(control)}", (*paused, why, *dearer), control.version)
    return RecommendationCard(EITHER, f"No difference: keep {_name(control)}", (*paused, why), control.version)


def _too_early(evidence: Evidence, outcome: str) -> list[str]:
    judged = sum(contender.judged for contender in evidence.contenders)
    noun = OUTCOMES[outcome][2]
    if not judged:
        return [f"Too early to tell: none of the {noun}s counts yet. Each answer counts after 10 minutes."]
    least = max(0, MIN_SAMPLES - min(contender.judged for contender in evidence.contenders))
    more = max(evidence.more or 0, least)
    if not more:
        return [f"Too early to tell: after {plural(judged, noun)} the versions are much alike."]
    about = f"about {number(_rounded(more))} more {noun}s" if more > 1 else f"about one more {noun}"
    long = ["That may take very long, so it's fine to keep the version that was in use before."] if more >= VERY_MANY else []
    return [f"Too early to tell: {about} with each version {'are' if more > 1 else 'is'} needed.", CHANCE, *long]


def _price(one: ArmFigures, control: ArmFigures) -> list[str]:
    """Returns sentences on what else would change, if the differences matter."""
    parts = []
    if change := _change(one.cost, control.cost):
        parts.append(f"{one.letter} costs {abs(round(change * 100))} % {'more' if change > 0 else 'less'} than {control.letter}.")
    if slower := _change(one.ttft_p95_ms, control.ttft_p95_ms):
        word, first, other = "later" if slower > 0 else "sooner", seconds(one.ttft_p95_ms), seconds(control.ttft_p95_ms)
        parts.append(f"{one.letter} begins {word}: 95 % of the answers within {first}, against {other} with {control.letter}.")
    if (one.error_rate or 0) - (control.error_rate or 0) >= 0.02:
        parts.append(
            f"{one.letter} fails more often: {percent(one.error_rate)} of its answers, against {percent(control.error_rate)}."
        )
    return parts


def _change(new: object, old: object) -> float:
    """Returns the relative change; 0 if it is unknown or too small to mention."""
    if new is None or not old:
        return 0.0
    change = float(str(new)) / float(str(old)) - 1
    return change if abs(change) >= WORTH_SAYING else 0.0


def _skewed(arms: Sequence[ArmFigures]) -> str:
    whole, people = sum(arm.weight for arm in arms), sum(arm.units for arm in arms)
    shares = ", ".join(f"{arm.letter} went to {percent(arm.units / people)}, not {percent(arm.weight / whole)}" for arm in arms)
    return (
        f"Of {people} people, too many got one version: {shares}. Some answers probably weren't counted, "
        "so the versions can't be compared. Keep the version that was in use before, find out why, and start over."
    )


def _name(arm: ArmFigures) -> str:
    return f"version {arm.version} ({arm.letter})"


def _good(outcome: str) -> str:
    return OUTCOMES[outcome][1]


def _rounded(count: int) -> int:
    """Rounds a count up to the precision of the estimate."""
    step = 5 if count < 50 else 10 if count < 200 else 100
    return max(step, -(-count // step) * step)
