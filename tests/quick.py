"""What makes a run shorter without changing what is tested: files in memory, nothing compiled twice in a process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

MEMORY = "/dev/shm"
ENOUGH = 3 * 1024**3


def install() -> None:
    """Put temporary files into memory where there is room, and keep the builders of addresses."""
    if "TMPDIR" not in os.environ and os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free > ENOUGH:
        # Databases are copied a thousand times a run; processes are killed here, the power is not.
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY
    Rule._compile_builder = _kept(Rule._compile_builder)  # type: ignore[method-assign]


def _kept(compile_builder: Callable[..., Any]) -> Callable[..., Any]:
    """An application has 180 rules, each compiled to the same two functions for every application of this process."""
    known: dict[Any, Any] = {}

    def builder(rule: Rule, append_unknown: bool = True) -> Any:
        defaults = tuple(sorted((rule.defaults or {}).items()))
        key = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, defaults, append_unknown)
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    return builder


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
