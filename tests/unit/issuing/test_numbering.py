"""Where a document is numbered: at a point that is registered, of a kind that finance has granted to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from portal.domain.errors import Refusal
from portal.issuing.numbering import Numbering, numbering
from tests.factories.settlements import REFERENCES

MOMENT = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
"""In the hospital it is 2027."""
KINDS = {"outpatient": SimpleNamespace(id=5, name="门诊票据", prefix="990601")}
KNOWN = replace(REFERENCES, kinds=KINDS)  # type: ignore[arg-type]


def test_a_document_is_numbered_at_its_point_under_the_code_of_its_year() -> None:
    assert numbering(KNOWN, "02", "outpatient", "门诊", MOMENT) == Numbering(2, "02", 5, "门诊票据", "99060127")


@pytest.mark.parametrize(
    ("point", "form", "allowed", "code"),
    [
        ("77", "outpatient", {}, "POINT_UNKNOWN"),
        ("02", "donation", {}, "KIND_MISSING"),
        ("02", "outpatient", {2: frozenset({6})}, "KIND_NOT_ALLOWED"),
    ],
)
def test_a_point_or_kind_that_may_not_is_named(point: str, form: str, allowed: dict, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        numbering(replace(KNOWN, allowed=allowed), point, form, "门诊", MOMENT)
    assert refused.value.code == code


def test_a_point_with_a_list_may_issue_what_stands_in_it() -> None:
    assert numbering(replace(KNOWN, allowed={2: frozenset({5})}), "02", "outpatient", "门诊", MOMENT).kind_id == 5
