"""Answers that must not tell anything apart: what is left of them without the tokens that are random by design."""

from __future__ import annotations

import re

from werkzeug.test import TestResponse

_TOKENS = (
    re.compile(rb'(?<=name="csrf_token" value=")[^"]+'),
    re.compile(rb"(?i)(?<=\nset-cookie: qp_session=)[^;]+"),
    re.compile(rb"(?i)(?<=\nset-cookie: qp_form=)[^;]+"),
    re.compile(rb"(?i)(?<=\nset-cookie: qp_shown=)[^;]+"),
    re.compile(rb"(?<=\?f=)[\w-]+"),
    re.compile(rb"(?i)(?<=\nset-cookie: qp_shown=\*; expires=)[^;]+"),
    re.compile(rb"(?i)(?<=\nx-request-id: )[^\r\n]+"),
    re.compile(rb"(?i)(?<=\ndate: )[^\r\n]+"),
    re.compile(rb'(?<= data-wait=")\d+'),
    re.compile(rb"(?<='nonce-)[^']+"),
    re.compile(rb'(?<= nonce=")[^"]+'),
)


def without_tokens(answer: bytes) -> bytes:
    """A whole HTTP answer, head and body, with its tokens blanked."""
    for token in _TOKENS:
        answer = token.sub(b"*", answer)
    return answer


def whole(response: TestResponse) -> bytes:
    """Status, headers and body of an answer in process, as they would be on the wire."""
    head = [response.status, *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join((*head, "", "")).encode() + response.get_data()
