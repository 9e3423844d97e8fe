"""A channel for tests of the engine: it answers by a script and remembers every call, as a provider's log would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import Connection

from portal.core.services import Services
from portal.delivery.channel import Message, Target
from portal.domain.delivery import Accepted, Result

Answer = Result | Exception | Callable[[Message], Result | None] | None


class Scripted:
    """Gives its answers one after the other, the last one for ever. ``address`` is everybody's."""

    def __init__(
        self,
        name: str,
        answers: Sequence[Answer] = (Accepted("ok"),),
        *,
        address: str = "somebody",
        disturbs: bool = False,
        receipt_within: timedelta | None = None,
        remembers: float = 0.0,
        pauses: tuple[float, ...] = (5.0, 15.0, 60.0),
    ) -> None:
        self.name, self.title, self.provider, self.account = name, name, "script", name
        self.setting = f"delivery.{name}"
        self.disturbs, self.receipt_within, self.remembers, self.pauses = disturbs, receipt_within, remembers, pauses
        self.address = address
        self.calls: list[Message] = []
        self._answers = list(answers)
        self._lock = threading.Lock()

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """The one address."""
        return self.address

    def send(self, services: Services, message: Message) -> Result:
        """The next answer of the script."""
        with self._lock:
            answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
            self.calls.append(message)
        if isinstance(answer, Exception):
            raise answer
        given = answer(message) if callable(answer) else answer
        assert given is not None
        return given


class ScriptedAsking(Scripted):
    """The same, and can be asked: ``found`` are the answers to questions."""

    def __init__(self, name: str, answers: Sequence[Answer], found: Sequence[Result | None], **more: object) -> None:
        super().__init__(name, answers, **more)  # type: ignore[arg-type]
        self.questions: list[Message] = []
        self._found = list(found)

    def find(self, services: Services, message: Message) -> Result | None:
        """The next answer to a question."""
        self.questions.append(message)
        return self._found[min(len(self.questions), len(self._found)) - 1]
