"""Refusals: what, why and what next, in one catalogue."""

from __future__ import annotations

import string

import pytest

from portal.domain.errors import CATALOGUE, Refusal, Text


def blanks(text: Text) -> set[str]:
    """The fields that a text wants filled."""
    parts = [part for words in (text.what, text.why, text.remedy) for part in string.Formatter().parse(words)]
    return {field for _, field, _, _ in parts if field}


def test_a_refusal_says_what_why_and_what_next() -> None:
    refused = Refusal("STOCK_EXHAUSTED", point="01", kind="门诊票据")
    assert (refused.code, refused.status) == ("STOCK_EXHAUSTED", 409)
    assert refused.fields == {"point": "01", "kind": "门诊票据"}
    assert refused.what == "无可用票号"
    assert refused.why == "开票点 01 的 门诊票据 号段已用完"
    assert refused.remedy == "请票据管理员为该开票点分发号段后重试"
    assert str(refused) == "无可用票号：开票点 01 的 门诊票据 号段已用完。请票据管理员为该开票点分发号段后重试。"


def test_the_remedy_has_fields_as_well() -> None:
    assert Refusal("FILE_REFUSED", reason="文件是空的", advice="请重新导出").remedy == "请重新导出"


def test_a_field_left_out_or_an_unknown_code_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError):
        Refusal("STOCK_EXHAUSTED", point="01")
    with pytest.raises(KeyError):
        Refusal("NO_SUCH_CODE")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_refusal_can_be_said(code: str) -> None:
    text = CATALOGUE[code]
    refused = Refusal(code, **dict.fromkeys(blanks(text), "某"))
    assert 200 <= refused.status < 600
    assert refused.what and refused.remedy
    assert "{" not in str(refused) and "。。" not in str(refused)
    assert "{" not in text.what, "a heading needs no field"
