"""SPEED: everything by which a test run differs from the product's own, only to be shorter. Nothing else is patched.

Run without any of it: ``QUPIAO_SLOW_TESTS=1 make pytest``. The same tests must pass; the run is about twice as long.

What is patched, why, and why it is safe:

``TMPDIR``, when nobody has set it
    Databases are copied a thousand times a run. Tests kill processes, never the power: memory outlives a process.
``werkzeug.routing.Rule.compile``
    An application has 280 rules, and a run a thousand applications. What a rule compiles to depends on nothing but its
    text and options, which are the key; converters are shared, and keep no state.
``Engine._compiled_cache`` of SQLAlchemy
    Each application has an engine, and each engine compiles its statements anew. The key is SQLAlchemy's own, only that
    it names the dialect instead of holding it; dialects of one name are alike in all engines of a run.
``Environment.bytecode_cache`` of Jinja
    Each application compiles its templates anew. The key holds a digest of the source.
``portal.access.sign_in.passwords._HASHER``
    Argon2id is dear on purpose. Format and checks stay; the product's cost is held by
    tests/unit/core/test_passwords.py, which asks a process of its own.
``create_ssl_context`` of httpx
    Each client reads all certificate authorities, 20 ms of processor. A context is made to be shared, and tests speak
    to loopback without TLS.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx._transports.default as httpx_transports
from argon2 import PasswordHasher
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

from portal.access.sign_in import passwords

SLOW = os.environ.get("QUPIAO_SLOW_TESTS") == "1"
"""The switch: nothing is patched."""
MEMORY = "/dev/shm"
ENOUGH = 3 * 1024**3


def install() -> None:
    """Patch this process of the run, unless the switch says otherwise."""
    if SLOW:
        return
    if "TMPDIR" not in os.environ and Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ["TMPDIR"] = tempfile.tempdir = MEMORY
    Rule.compile = _compiled_once(Rule.compile)  # type: ignore[method-assign]
    passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    httpx_transports.create_ssl_context = functools.cache(httpx_transports.create_ssl_context)


def share(app: Flask) -> None:
    """Give an application the compiled templates and statements of this process, unless the switch says otherwise."""
    if SLOW:
        return
    app.jinja_env.bytecode_cache = _TEMPLATES
    app.extensions["qupiao"].services.database.engine._compiled_cache = _STATEMENTS


def _compiled_once(compile_rule: Callable[[Rule], None]) -> Callable[[Rule], None]:
    """Compile each rule once in this process, and copy the result to the same rule of another application."""
    results: dict[Any, dict[str, Any]] = {}
    attributes = ("_parts", "_trace", "_converters", "arguments")
    builders = ("_build", "_build_unknown")

    def compiled(rule: Rule) -> None:
        defaults = tuple(sorted((rule.defaults or {}).items()))
        key = (rule.rule, rule.host, rule.subdomain, rule.merge_slashes, rule.strict_slashes, defaults)
        if key not in results:
            compile_rule(rule)
            results[key] = {name: getattr(rule, name) for name in attributes}
            results[key] |= {name: getattr(rule, name).__func__ for name in builders}
            return
        for name in attributes:
            setattr(rule, name, results[key][name])
        for name in builders:
            setattr(rule, name, results[key][name].__get__(rule, None))

    return compiled


class _Statements:
    """Compiled SQL of this process: an engine keeps its own by its dialect object, of which the name says as much."""

    def __init__(self) -> None:
        self._compiled: dict[Any, Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._compiled.get((key[0].name, *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._compiled[key[0].name, *key[1:]] = compiled


class _Templates(BytecodeCache):
    """Compiled templates of this process, by the digest of their source."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (bucket.key, bucket.checksum) in self._code:
            bucket.bytecode_from_string(self._code[bucket.key, bucket.checksum])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_STATEMENTS = _Statements()
_TEMPLATES = _Templates()
