"""The topics of tasks: each is declared once, and ``enqueue`` takes only declared ones."""

from __future__ import annotations

from typing import NewType

Topic = NewType("Topic", str)
"""The kind of a task, at most 40 characters; a worker has one handler for each."""

_declared: set[Topic] = set()


def topic(name: str) -> Topic:
    """Declare a topic. Raises ValueError for a name that is taken or does not fit its column."""
    declared = Topic(name)
    if declared in _declared or len(name) > 40:
        raise ValueError(f"topic {name!r} is declared twice or longer than 40 characters")
    _declared.add(declared)
    return declared


def declared() -> frozenset[Topic]:
    """Return every topic that the modules imported so far have declared."""
    return frozenset(_declared)
