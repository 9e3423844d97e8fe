"""What makes a run shorter without changing what is tested: files in memory, nothing compiled twice in a process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from argon2 import PasswordHasher
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from portal.access import passwords

MEMORY = "/dev/shm"
ENOUGH = 3 * 1024**3


def install() -> None:
    """Put temporary files into memory where there is room, and keep the rules of addresses."""
    if "TMPDIR" not in os.environ and os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free > ENOUGH:
        # Databases are copied a thousand times a run; processes are killed here, the power is not.
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY
    Rule.compile = _kept(Rule.compile)  # type: ignore[method-assign]
    # What Argon2id costs is for attackers; the product's own cost is held by tests/unit/core/test_passwords.py.
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def _kept(compile_rule: Callable[[Rule], None]) -> Callable[[Rule], None]:
    """An application has 280 rules, each compiled to the same for every application of this process."""
    known: dict[Any, dict[str, Any]] = {}
    made = ("_parts", "_trace", "_converters", "arguments")
    builders = ("_build", "_build_unknown")

    def compiled(rule: Rule) -> None:
        defaults = tuple(sorted((rule.defaults or {}).items()))
        key = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, rule.strict_slashes, defaults)
        if key not in known:
            compile_rule(rule)
            known[key] = {name: getattr(rule, name) for name in made}
            known[key] |= {name: getattr(rule, name).__func__ for name in builders}
            return
        for name in made:
            setattr(rule, name, known[key][name])
        for name in builders:
            setattr(rule, name, known[key][name].__get__(rule, None))

    return compiled


class _Statements:
    """Compiled SQL of this process: an engine keeps its own by its dialect object, whose name says as much."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._kept.get((key[0].name, *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._kept[key[0].name, *key[1:]] = compiled


STATEMENTS = _Statements()


class _Templates(BytecodeCache):
    """Compiled templates of this process, by the digest of their source."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (bucket.key, bucket.checksum) in self._code:
            bucket.bytecode_from_string(self._code[bucket.key, bucket.checksum])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


TEMPLATES = _Templates()
