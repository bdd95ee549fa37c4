"""The kinds of people who send requests."""

PEOPLE = ("nobody", "visitor", "disabled", "guest", "member", "admin", "owner")
SIGNED_IN = ("guest", "member", "admin", "owner")
TEAM = ("guest", "member")
ADMINS = ("admin", "owner")
OUTSIDE = ("nobody", "visitor", "disabled")
PLANNERS = ("member", "admin", "owner")
