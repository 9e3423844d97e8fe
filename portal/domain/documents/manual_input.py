"""A bill as a person types it: texts by field name, before any of it is believed.

The form of manual issue and the batch file both end here;
:mod:`portal.issuing.manual.entry` turns an :class:`Entry` into a settlement
or says field by field what is wrong. The tables below are also what the form draws and what the template prints.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from portal.domain.documents.settlement import Scene
from portal.domain.money import decimal_of

MOST_LINES = 20
MOST_PAYMENTS = 6
MOST_YUAN = 9_999_999_999
"""The largest single amount a person may type."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form. ``kind``: text, choice, day, money, number, id, phone, email, flag."""

    name: str
    title: str
    kind: str = "text"
    most: int = 100
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    hint: str = ""


PAYER_KINDS = (("1", "个人"), ("2", "单位"))
ID_TYPES = (
    ("id_card", "居民身份证"),
    ("residence", "外国人永久居留身份证"),
    ("hong_kong_macau", "港澳居民来往内地通行证"),
    ("taiwan", "台湾居民来往大陆通行证"),
    ("passport", "护照"),
    ("other", "其他"),
)
DEALINGS = tuple((word, word) for word in ("押金", "保证金", "代收", "暂收"))
DONATION_FORMS = (("money", "货币"), ("goods", "实物"))
CURRENCIES = (
    ("CNY", "人民币"),
    ("HKD", "港元"),
    ("MOP", "澳门元"),
    ("USD", "美元"),
    ("EUR", "欧元"),
    ("JPY", "日元"),
    ("GBP", "英镑"),
)
OUTPATIENT_SCENES = tuple(
    (scene.value, scene.title)
    for scene in (
        Scene.OUTPATIENT,
        Scene.EMERGENCY,
        Scene.CHRONIC,
        Scene.CHECKUP,
        Scene.REGISTRATION,
        Scene.IMMUNISATION,
    )
)
SEXES = (("男", "男"), ("女", "女"))

PAYER = (
    Field("payer_kind", "交款人类型", "choice", 1, True, PAYER_KINDS),
    Field("payer_name", "交款人", required=True),
    Field("id_type", "证件类型", "choice", 16, choices=ID_TYPES),
    Field("id_no", "证件号码或统一社会信用代码", "id", 30),
    Field("phone", "手机号", "phone", 20),
    Field("email", "邮箱", "email", 50),
)
OFFICE = (
    Field("point_code", "开票点", "choice", 50, True),
    Field("business_day", "开票日期", "day", 30, True),
    Field("checker", "复核人", most=50, required=True),
    Field("remark", "备注", most=200),
    Field("remember", "记住交款人", "flag", 1, hint="下次可从常用交款人中选取"),
)
SERIAL = Field("serial", "业务流水号", most=50, hint="收费系统里的流水号；没有可不填，由平台编号")
VISIT = (
    Field("department", "就诊科室"),
    Field("org_type", "医疗机构类型", most=60),
    Field("insurance_type", "医保类型", most=60),
    Field("insurance_no", "医保编号", "id", 60),
    Field("sex", "性别", "choice", 1, choices=SEXES),
    Field("age", "年龄", most=10),
)
OUTPATIENT = (
    Field("scene", "业务类型", "choice", 16, True, OUTPATIENT_SCENES),
    SERIAL,
    Field("patient_no", "门诊号", most=30),
    Field("visit_date", "就诊日期", "day", 30),
)
INPATIENT = (
    SERIAL,
    Field("hospital_no", "住院号", most=20, required=True),
    Field("case_no", "病历号", most=50),
    Field("in_date", "入院日期", "day", 30, True),
    Field("out_date", "出院日期", "day", 30, True),
    Field("days", "住院天数", "number", 4),
)
SPLIT = (
    Field("fund", "医保统筹基金支付", "money", 14),
    Field("other_fund", "其他支付", "money", 14),
    Field("account", "个人账户支付", "money", 14),
    Field("own_cash", "个人现金支付", "money", 14, hint="不填则按合计减去前三项计算"),
    Field("self_pay", "个人自付", "money", 14),
    Field("own_cost", "个人自费", "money", 14),
)
DEPOSITS = (
    Field("prepay", "预缴金额", "money", 14),
    Field("recharge", "补缴金额", "money", 14),
    Field("refund", "退费金额", "money", 14),
)
DEALING = (
    Field("category", "往来类别", "choice", 8, True, DEALINGS),
    Field("counterparty", "对方单位", most=200),
    Field("basis", "依据", most=200, required=True, hint="合同、文件或押金规定"),
)
DONATION = (
    Field("project", "捐赠项目", most=200, required=True),
    Field("donation_form", "捐赠形式", "choice", 8, True, DONATION_FORMS),
    Field("anonymous", "匿名捐赠", "flag", 1, hint="票面写“匿名捐赠人”，不留姓名和号码"),
    Field("currency", "币种", "choice", 3, choices=CURRENCIES),
    Field("original", "原币金额", "number", 14),
    Field("rate", "汇率", "number", 14, hint="1 单位外币折合人民币元"),
)
LINE = (
    Field("code", "项目编码", most=50, required=True),
    Field("name", "项目名称", required=True),
    Field("unit", "单位", most=20),
    Field("quantity", "数量", "number", 14, True),
    Field("price", "标准", "number", 14, True),
    Field("amount", "金额", "money", 14, True),
    Field("remark", "备注", most=100),
)
PAYMENT = (
    Field("channel", "缴款渠道", "choice", 20, True),
    Field("amount", "金额", "money", 14, True),
    Field("reference", "交易号", most=60),
)

KINDS = {
    Scene.OUTPATIENT: "医疗门诊收费票据",
    Scene.INPATIENT: "医疗住院收费票据",
    Scene.DEALING: "资金往来结算票据",
    Scene.DONATION: "公益事业捐赠票据",
}
"""What can be typed: the scene that stands for a kind of bill → its name on screen and in the batch file."""

_OWN = {
    Scene.OUTPATIENT: (*OUTPATIENT, *VISIT, *SPLIT),
    Scene.INPATIENT: (*INPATIENT, *VISIT, *SPLIT, *DEPOSITS),
    Scene.DEALING: DEALING,
    Scene.DONATION: DONATION,
}


def own_fields(kind: Scene) -> tuple[Field, ...]:
    """Return the fields that only this kind of bill has."""
    return _OWN[kind]


def fields(kind: Scene) -> tuple[Field, ...]:
    """Every field of the head of a bill of this kind, in the order of the form."""
    return (*PAYER, *own_fields(kind), *OFFICE)


@dataclass(slots=True)
class Entry:
    """What was typed. ``kind`` is a key of :data:`KINDS`; values are texts, never missing keys. ``replaces``: the row
    id of the reversed bill that this one is issued instead of, 0 for none; nobody types it."""

    kind: Scene
    fields: dict[str, str]
    lines: list[dict[str, str]] = field(default_factory=list)
    payments: list[dict[str, str]] = field(default_factory=list)
    replaces: int = 0

    def text(self) -> str:
        """As JSON, for sealing; equal entries give equal texts."""
        values = asdict(self)
        if not self.replaces:
            del values["replaces"]
        return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> Entry:
        """Back from :meth:`text`."""
        values = json.loads(text)
        return cls(
            Scene(values["kind"]), values["fields"], values["lines"], values["payments"], values.get("replaces", 0)
        )


def entry(kind: Scene, typed: Mapping[str, Any], lines: list[Any], payments: list[Any]) -> Entry:
    """Return an entry with exactly the fields of its kind; rows in which nothing was typed are left out."""
    return Entry(
        kind,
        {item.name: clean(typed.get(item.name, "")) for item in fields(kind)},
        [row for found in lines[:MOST_LINES] if any((row := _row(LINE, found)).values())],
        [row for found in payments[:MOST_PAYMENTS] if _paid(row := _row(PAYMENT, found))],
    )


def _row(table: tuple[Field, ...], typed: Mapping[str, Any]) -> dict[str, str]:
    return {item.name: clean(typed.get(item.name, "")) for item in table}


def _paid(row: dict[str, str]) -> bool:
    return bool(row["channel"] or row["amount"] or row["reference"])


_BLANKS = re.compile(r"[\s\u200b-\u200f\u2028\u2029\u2060\ufeff]+")


def clean(value: object) -> str:
    """Return a typed text: outer blanks go, inner ones become one space; bounded, so that it can be shown again."""
    return _BLANKS.sub(" ", str(value)).strip()[:2000]


_GROUPED = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)


def figure(text: str, places: int) -> int:
    """Return a typed number → its value times ``10 ** places``, exact. Full-width digits, a ¥ or 元 and
    thousands commas are read.

    Raises ValueError with a Chinese reason: not a number, exponent, too many decimals, too large.
    """
    plain = unicodedata.normalize("NFKC", text).replace(" ", "").lstrip("¥￥").removesuffix("元")
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if re.fullmatch(r"-?\d+(\.\d+)?[eE]\+?\d+", plain, re.ASCII):
        raise ValueError("是科学计数形式，已看不出原来的数")
    number = decimal_of(plain.removeprefix("+"), places)
    if abs(number) > MOST_YUAN:
        raise ValueError("数值过大")
    return int(number.scaleb(places))


def line_fen(quantity_micro: int, price_micro: int) -> int:
    """Quantity × price in fen. Raises ValueError when it is not whole fen: we never round in silence."""
    fen, rest = divmod(quantity_micro * price_micro, 10**10)
    if abs(fen) > MOST_YUAN * 100:
        raise ValueError("金额过大")
    if rest:
        raise ValueError("数量乘以标准不是整分，请调整数量或标准")
    return fen
