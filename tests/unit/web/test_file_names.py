"""Names of files in answers: plain ASCII in the header, the Chinese name coded beside it."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from portal.web.edge import file_response


@pytest.mark.parametrize("name", ["批量开票模板.xlsx", "失败记录-1.xlsx", '报销包 "甲".pdf', "年度;清单.pdf"])
def test_a_chinese_name_is_coded(name: str) -> None:
    header = file_response(b"", "application/pdf", name).headers["Content-Disposition"]
    assert header.isascii(), "a header is Latin-1 only"
    plain, _, coded = header.removeprefix("attachment; filename=").partition("; filename*=UTF-8''")
    assert plain == f"file.{name.rpartition('.')[2]}"
    assert unquote(coded) == name


def test_a_plain_name_stands_as_it_is() -> None:
    header = file_response(b"", "application/pdf", "99060126-9000000412.pdf", "inline").headers["Content-Disposition"]
    assert header == "inline; filename=99060126-9000000412.pdf"
