"""Hashing passwords, and what makes one good enough."""

from __future__ import annotations

import secrets
import string
import unicodedata
from dataclasses import dataclass
from typing import Literal

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 128
"""Longer input costs the server time and the user nothing in safety."""

COMMON = frozenset(
    {
        "password",
        "passw0rd",
        "p@ssw0rd",
        "p@ssword",
        "pa55word",
        "admin",
        "administrator",
        "root",
        "guest",
        "test",
        "demo",
        "user",
        "login",
        "welcome",
        "letmein",
        "iloveyou",
        "monkey",
        "dragon",
        "master",
        "qwerty",
        "qwertyuiop",
        "asdfgh",
        "asdfghjkl",
        "zxcvbn",
        "zxcvbnm",
        "qazwsx",
        "qweasd",
        "qweasdzxc",
        "1qaz2wsx",
        "1q2w3e",
        "1q2w3e4r",
        "1q2w3e4r5t",
        "q1w2e3r4",
        "qwe",
        "asd",
        "zxc",
        "abc",
        "abcd",
        "abcdef",
        "aaa",
        "abc123",
        "a1b2c3",
        "a1b2c3d4",
        "changeme",
        "default",
        "secret",
        "woaini",
        "woaini1314",
        "woaiwojia",
        "nihao",
        "zhongguo",
        "beijing",
        "shanghai",
        "bank",
        "yinhang",
        "jinqiao",
        "crm",
        "mima",
        "mimamima",
        "wangluo",
        "123456",
        "12345678",
        "123456789",
        "1234567890",
        "0123456789",
        "111111",
        "000000",
        "666666",
        "888888",
        "88888888",
        "123123",
        "123321",
        "654321",
        "987654321",
        "5201314",
        "1314520",
        "147258369",
        "112233",
        "121212",
        "11223344",
        "system",
        "sysadmin",
        "secadmin",
        "audadmin",
        "spring",
        "summer",
        "autumn",
        "winter",
    }
)

Flaw = Literal["short", "long", "classes", "username", "common"]


@dataclass(frozen=True, slots=True)
class Weakness:
    """One thing wrong with a new password, and the limit it broke."""

    flaw: Flaw
    limit: int = 0


class Hasher:
    """argon2id. ``cheap`` is for tests only: a real one takes tens of milliseconds by design."""

    def __init__(self, cheap: bool = False) -> None:
        # OWASP asks for at least 19 MiB and two passes; 32 MiB keeps eight threads of a worker affordable.
        passes, memory = (1, 8) if cheap else (3, 32768)
        self._argon = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=1, type=Type.ID)
        self._dummy = self._argon.hash(secrets.token_urlsafe(16))

    def hash(self, password: str) -> str:
        """The salted hash to store."""
        return self._argon.hash(_normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one hashed. With no hash, takes as long as with one and is False."""
        try:
            return self._argon.verify(stored or self._dummy, _normal(password)) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other costs than today's."""
        return self._argon.check_needs_rehash(stored)


def _normal(password: str) -> str:
    """One form for one text, whichever keyboard wrote it; cut where the policy ends, to bound the work."""
    return unicodedata.normalize("NFKC", password)[: LONGEST * 2]


def weaknesses(username: str, password: str, *, min_length: int, classes: int) -> list[Weakness]:
    """What is wrong with a new password; empty when nothing is."""
    found: list[Weakness] = []
    if len(password) < min_length:
        found.append(Weakness("short", min_length))
    if len(password) > LONGEST:
        found.append(Weakness("long", LONGEST))
    if character_classes(password) < classes:
        found.append(Weakness("classes", classes))
    folded = password.casefold()
    name = username.casefold()
    if name and (name in folded or name[::-1] in folded):
        found.append(Weakness("username"))
    if _is_common(folded):
        found.append(Weakness("common"))
    return found


def character_classes(password: str) -> int:
    """How many of: lower case, upper case, digits, everything else."""
    kinds = (str.islower, str.isupper, str.isdigit)
    plain = sum(any(kind(c) for c in password) for kind in kinds)
    other = any(not any(kind(c) for kind in kinds) for c in password)
    return plain + other


def _is_common(folded: str) -> bool:
    """A common word by itself, or one dressed up with digits and signs at its ends, or one character repeated."""
    bare = folded.strip(string.digits + string.punctuation)
    return folded in COMMON or bare in COMMON or len(set(folded)) <= 2


def generate(length: int = 16) -> str:
    """A random password that satisfies the strictest policy and is easy to read out."""
    letters = "abcdefghjkmnpqrstuvwxyz"
    pools = (letters, letters.upper(), "23456789", "-_.+=")
    picked = [secrets.choice(pool) for pool in pools]
    picked += [secrets.choice(letters + letters.upper() + "23456789") for _ in range(length - len(pools) - 1)]
    secrets.SystemRandom().shuffle(picked)
    return secrets.choice(letters) + "".join(picked)  # a sign in front would look like an option to a command line
