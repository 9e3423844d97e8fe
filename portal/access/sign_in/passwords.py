"""Passwords of staff: Argon2id hashes and the two policies.

Parameters of the hash: OWASP Password Storage Cheat Sheet (19 MiB, two passes, one lane), about 25 ms here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from portal.domain.errors import Refusal

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_COMMON = """
password passw0rd admin administrator qwerty qwertyuiop asdfgh zxcvbn letmein welcome iloveyou
abc123 abcd1234 123456 1234567 12345678 123456789 1234567890 111111 000000 888888 666666 123123
112233 123321 654321 5201314 woaini wodemima mima yiyuan hospital weishengyuan pinggang shoufei
caiwu qupiao piaoju root test user system
""".split()  # noqa: SIM905  (a list of words reads best as words)


@dataclass(frozen=True, slots=True)
class Policy:
    """A password profile: least length, kinds of characters, days until it must change, past ones refused."""

    title: str
    length: int
    kinds: int
    days: int
    past: int


POLICIES = {
    "dengbao": Policy("等保（至少 12 位、3 类字符、90 天更换）", 12, 3, 90, 5),
    "nist": Policy("NIST 800-63B（至少 15 位、不限字符种类、不定期更换）", 15, 1, 0, 0),
}


def hashed(password: str) -> str:
    """Return the Argon2id hash to store."""
    return _HASHER.hash(password)


def matches(stored: str, password: str) -> bool:
    """Whether the password is the one of the hash; as slow for a wrong one as for the right one."""
    try:
        return _HASHER.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


@cache
def nobody() -> str:
    """Return a hash that no password matches: verified for unknown names, so that they take as long as known ones."""
    return _HASHER.hash("no account has this one")


def check(policy: Policy, password: str, username: str, past: Sequence[str] = ()) -> None:
    """Raise PASSWORD_WEAK when the policy refuses the password; ``past`` are hashes that may not come again."""
    problem = _problem(policy, password, username)
    if problem is None and any(matches(old, password) for old in past):
        problem = f"不能与当前或最近 {policy.past} 次用过的密码相同"
    if problem is not None:
        raise Refusal("PASSWORD_WEAK", reason=problem)


def _problem(policy: Policy, password: str, username: str) -> str | None:
    if len(password) < policy.length:
        return f"至少 {policy.length} 位"
    if len(password) > 128:
        return "最多 128 位"
    kinds = {_kind(character) for character in password}
    if len(kinds) < policy.kinds:
        return f"数字、小写字母、大写字母、符号中至少要有 {policy.kinds} 类"
    plain = password.casefold()
    if username.casefold() in plain:
        return "不能包含用户名"
    if len(set(plain)) < 6:
        return "重复的字符太多"
    rest = plain
    for word in sorted(_COMMON, key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(rest) < policy.length * 2 // 3:
        return "太常见，容易被猜到"
    return None


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "upper" if character.isupper() else "lower"
    return "other"


def expired(policy: Policy, since: datetime, moment: datetime) -> bool:
    """Whether a password set at ``since`` must be changed by now."""
    return policy.days > 0 and moment - since > timedelta(days=policy.days)
