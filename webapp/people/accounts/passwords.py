"""Hashes passwords with argon2id, in threads of their own, and refuses weak ones."""

from functools import partial

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from webapp.base.heavy.threads import PASSWORDS

LEAST, MOST = 8, 1000
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# The hash to verify against if there is no such account, so that the response time does not reveal whether it exists.
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$QDPFHwt/xZakD5x9H4qOAQ$leRyuUHAewDGj7RpsdTO3JiCqtDL6IL6QnueTuiPsp8"
_COMMONEST = """
00000000 11111111 111111111 12121212 123123123 12341234 12344321 12345678 123456789 1234567890 123456789a 1234qwer 147258369
1q2w3e4r 1q2w3e4r5t 1qaz2wsx 22222222 55555555 66666666 77777777 87654321 88888888 987654321 99999999 a1b2c3d4 aa123456
abc12345 abcd1234 abcdefgh access14 admin123 admin1234 adminadmin administrator asdasdasd asdfasdf asdfghjk asdfghjkl baseball
basketball bismillah butterfly changeme changeme123 charlie1 chocolate computer corvette danielle dragon123 einstein elephant
football football1 fuckyou1 garfield hello123 helloworld iloveyou iloveyou1 internet jennifer jessica1 jonathan letmein1
letmein123 liverpool manchester maverick mercedes metallica michael1 michelle midnight millrace monkey123 mustang1 myspace1
nicholas p@ssw0rd p@ssword pa55w0rd pa55word passw0rd password password! password0 password01 password1 password1! password12
password123 password1234 password2 passwort pokemon1 princess princess1 q1w2e3r4 q1w2e3r4t5 qazwsxedc qwer1234 qwerasdf
qwerty12 qwerty123 qwerty1234 qwertyui qwertyuiop samantha samsung1 sebastian secret123 shadow12 startrek starwars stephanie
sunshine sunshine1 superman superman1 superstar test1234 testtest thomas123 trustno1 victoria welcome1 welcome123 whatever
william1 zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123
"""
COMMONEST = frozenset(_COMMONEST.split())


def objection(password: str) -> str:
    """Returns why the password is refused, or an empty string. Every character counts, including spaces."""
    if len(password) < LEAST:
        return f"Your password must be at least {LEAST} characters long."
    if len(password) > MOST:
        return f"Your password can be at most {MOST} characters long."
    if password.casefold() in COMMONEST or len(set(password)) == 1:
        return "That password is too common. Please choose another one."
    return ""


def hash_of(password: str) -> str:
    """Returns a salted hash, which takes about 25 milliseconds of one core."""
    return PASSWORDS.run(partial(HASHER.hash, _bytes(password)))


def is_right(stored: str | None, password: str) -> bool:
    """Returns whether the password matches the hash; without a hash, returns False after the same time."""
    return PASSWORDS.run(partial(_matches, stored or NOBODY, _bytes(password))) and stored is not None


def _matches(stored: str, password: bytes) -> bool:
    try:
        return HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Returns whether the hash was made with other parameters than the current ones."""
    return HASHER.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    # JSON and terminals can contain lone surrogates, which count as ordinary characters.
    return password.encode("utf-8", "surrogatepass")
