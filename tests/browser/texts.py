"""Texts by the scripted model with every kind of Markdown."""

_CHAPTER = """\
## Chapter {number}: the mill 🌊 and the race

Water that *moves* does **work**; see [the plan][late] and [the source](https://example.org/source?a=1&b=2), or <https://example.com>.
A second line with `code`, ~~nothing~~, and an emoji of several parts 👩🏽‍🚀🇨🇭 in the middle of it.

1. a first thing,
2. a second one
   - with a part,
   - and another [late] part,
3. and the last.

| wheel | turns | power |
|-------|------:|:-----:|
| over  | {number} | `3 kW` |
| under | 12 | **1** & less |

```python
def turn(wheel: str) -> int:
    return len(wheel) * {number}  # <b>not bold</b>
```

> A quotation that goes
> on for two lines.

"""

RICH = (
    "# Mills\n\n"
    + "".join(_CHAPTER.format(number=number) for number in range(1, 11))
    + "The end.\n\n[late]: https://example.org/plan 'The plan'\n"
)

# For screenshots: a text that is pleasant to read.
PICTURED = """\
A **mill race** is a channel that leads water quietly from a river to a wheel, and back again. It has three parts:

1. the *head race* takes the water off above a weir,
2. the *wheel pit* is where it does its work,
3. the *tail race* gives it back to the river.

How much work it does depends on how far it falls and how the wheel meets it:

| Wheel | Water meets it | Useful |
|-------|----------------|-------:|
| Undershot | at the bottom | 30 % |
| Breastshot | at the middle | 60 % |
| Overshot | at the top | 85 % |

So where the river is slow, the race is long: it is led along the slope until there is a fall worth having.
"""
