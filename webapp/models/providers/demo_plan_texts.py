"""Texts of the demo for plans, by the name of a field and of its parent. Pure."""

TEXTS: dict[str, tuple[str, ...]] = {
    "title": ("{goal}, step by step", "A month for {goal}"),
    "monthly_summary": (
        "Four weeks for {goals}, with {hours} hours in each and {off} off. You begin with what is small and close at hand, "
        "finish one thing every week, and keep the last days free for whatever took longer than it should.",
    ),
    "summary": (
        "Thirty days towards {goals}, with {minutes} minutes in each. Every seventh day repeats what came before it, so that "
        "nothing is learned twice and nothing is lost.",
    ),
    "weeks.focus": ("Begin small", "Find your time", "Go further", "Keep it", "Look back"),
    "tasks.title": (
        "Write down what “{goal}” needs",
        "Half an hour for “{goal}”",
        "Clear the place for “{goal}”",
        "Show someone how far “{goal}” is",
        "Finish one piece of “{goal}”",
        "Take up what was left of “{goal}”",
    ),
    "tasks.why": (
        "What is written down need not be carried.",
        "A short beginning is still a beginning.",
        "What lies ready is taken up.",
    ),
    "weeks.milestone": (
        "“{goal}” has a first result that can be seen.",
        "“{goal}” has its fixed time in the week.",
        "The hardest part of “{goal}” is behind you.",
        "“{goal}” continues without the plan.",
    ),
    "risks": (
        "A full week at work. Drop the last task of that week without regret.",
        "“{goal}” may take longer than it looks. The last week has room for it.",
        "Too much at once. One task a day is enough.",
    ),
    "first_step": ("Put what you need for “{goal}” where you will see it tomorrow.",),
    "days.topic": (
        "First look at “{goal}”",
        "The ten words of “{goal}”",
        "One small thing, done slowly",
        "The same thing, twice as fast",
        "What you find hard",
        "Someone else's way",
        "Repeat the week",
    ),
    "days.exercise": (
        "Spend {minutes} minutes on it, then put everything away.",
        "Write five lines about it without looking anything up.",
        "Explain it aloud to an empty chair.",
        "Do yesterday's exercise again, and note what has become easier.",
    ),
    "days.question": (
        "Could you tell a friend what you did?",
        "What would you do differently tomorrow?",
        "Which part would you not find again?",
    ),
    "": ("The {name} for “{goal}”", "Another {name} for “{goal}”", "The {name} after that"),
}
BEFORE = ("Here is the plan as JSON:", "Sure! I have kept {every} week light.", "Of course. This should suit you:")
AFTER = ("Tell me if you want it gentler.", "Would you like to change anything?", "{Good luck}")
