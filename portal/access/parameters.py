"""参数: the typed catalogue of the values that a unit may set, with defaults and meanings.

A value that was never set is its default; each change is audited with before and after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from portal import audit
from portal.core.clock import now
from portal.core.services import Services
from portal.domain.actor import Actor
from portal.domain.errors import Refusal
from portal.domain.money import commas, fen_of, yuan
from portal.domain.states import delivery
from portal.models import Parameter as StoredParameter
from portal.models.objects import objects
from portal.models.tables import PARAMETER


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``kind``: money (fen), count, flag, text, choice; ``choices`` maps value → word."""

    key: str
    group: str
    title: str
    meaning: str
    kind: str
    default: Any
    choices: Mapping[str, str] = field(default_factory=dict)
    least: int = 0
    most: int = 100_000_000
    guard: str = ""
    """Which change weakens what the parameter guards, and so waits for a second person: ``up`` (a higher value, or
    yes), ``down`` (a lower one, or no), of a choice the weaker value; nothing for a parameter that guards nothing."""
    form: re.Pattern[str] | None = None
    """The form of a text that is more than words; ``meaning`` describes it."""

    def shown(self, value: Any) -> str:
        """Return a value in words."""
        if self.kind == "money":
            return f"{commas(value)} 元"
        if self.kind == "flag":
            return "是" if value else "否"
        if self.kind == "count":
            return f"{value:,}"
        return self.choices.get(value, str(value)) if self.kind == "choice" else str(value)

    def typed(self, value: Any) -> str:
        """Return a value as it stands in a form."""
        if self.kind == "money":
            return yuan(value)
        return {True: "1", False: "0"}[value] if self.kind == "flag" else str(value)

    def weakens(self, before: Any, after: Any) -> bool:
        """Tell whether a change takes away from what the parameter guards."""
        if self.kind == "choice":
            return bool(self.guard) and before != after and after == self.guard
        return (self.guard == "up" and after > before) or (self.guard == "down" and after < before)

    def parse(self, text: str) -> Any:
        """Read a value from the text of a form. Raises ValueError with a Chinese reason."""
        text = text.strip()
        if self.kind in ("money", "count"):
            if self.kind == "count" and not (text.isascii() and text.isdigit() and len(text) <= 9):
                raise ValueError("请填写整数")
            number = fen_of(text) if self.kind == "money" else int(text)
            if not self.least <= number <= self.most:
                low, high = self.shown(self.least), self.shown(self.most)
                raise ValueError(f"应在 {low} 至 {high} 之间")
            return number
        if self.kind == "flag":
            if text not in ("0", "1"):
                raise ValueError("请选择是或否")
            return text == "1"
        if self.kind == "choice" and text not in self.choices:
            raise ValueError("没有这个选项")
        if len(text) > 100:
            raise ValueError("最多 100 个字符")
        if self.form is not None and not self.form.fullmatch(text):
            raise ValueError(f"格式不正确：{self.meaning}")
        return text


CATALOGUE: dict[str, Parameter] = {
    one.key: one
    for one in (
        Parameter(
            "reversal.large-fen",
            "冲红",
            "大额冲红金额",
            "达到这一金额的冲红须另一人复核",
            "money",
            500_000,
            least=1,
            guard="up",
        ),
        Parameter(
            "voucher.large-refund-fen",
            "预交金",
            "大额退款金额",
            "一张预交金凭证连同本次的退款达到这一金额，退款或撤销须另一人复核",
            "money",
            500_000,
            least=1,
            guard="up",
        ),
        Parameter(
            "notice.print",
            "告知单",
            "告知单打印",
            "开票后是否打印告知单",
            "choice",
            "2",
            {"0": "不打印", "1": "自动打印", "2": "提示后打印"},
        ),
        Parameter(
            "family.child-age",
            "患者取票",
            "监护的年龄上限",
            "孩子满这个岁数后，监护人要由本人授权才能查看票据；最晚 16 岁，调低时已有的随之提前",
            "count",
            16,
            least=8,
            most=16,
        ),
        Parameter(
            "export.reason-rows",
            "导出",
            "大批导出的行数",
            "一次导出或打印超过这么多行，须先写明用途，并提示审计管理员",
            "count",
            500,
            least=1,
            guard="up",
        ),
        Parameter(
            "codes.most-minute",
            "短信",
            "一分钟内的验证码短信",
            "全院一分钟超过这么多条，后面的稍后再发，并提示审计管理员",
            "count",
            60,
            least=1,
        ),
        Parameter(
            "codes.most-daily",
            "短信",
            "一天内的验证码短信",
            "全院一天超过这么多条就不再发送，并提示审计管理员",
            "count",
            3000,
            least=1,
        ),
        Parameter(
            "search.most-hourly",
            "查询",
            "一小时内按个人信息查找的次数",
            "一人超过这么多次须先写明原因，并提示审计管理员",
            "count",
            200,
            least=1,
            guard="up",
        ),
        Parameter(
            "login.policy",
            "登录",
            "密码策略",
            "新密码的要求与更换周期",
            "choice",
            "dengbao",
            {
                "dengbao": "等保：至少 12 位、3 类字符、90 天更换",
                "nist": "NIST 800-63B：至少 15 位、不限种类、不定期更换",
            },
        ),
        Parameter(
            "login.totp",
            "登录",
            "两步验证范围",
            "系统、安全、审计管理员和复核人始终需要；其他人员按此设置",
            "choice",
            "officers",
            {"officers": "仅管理员和复核人", "all": "所有人员"},
            guard="officers",
        ),
        Parameter("delivery.auto", "交付", "自动通知", "开票后自动通知患者取票", "flag", True),
        Parameter(
            "delivery.wait-supervision", "交付", "等待监制", "财政监制后再通知患者；否则开票即通知", "flag", True
        ),
        Parameter(
            "delivery.order",
            "交付",
            "渠道顺序",
            "按顺序尝试，未接入的自动跳过；冒号后为等待回执的分钟数，例如 wechat:10 alipay:10 sms",
            "text",
            "wechat:10 wechat-sub:10 mini:10 alipay:10 alipay-life:10 sms",
            form=delivery.ORDER,
        ),
        Parameter(
            "delivery.quiet",
            "交付",
            "免打扰时段",
            "此时段内不主动发送通知，例如 22:00-08:00；不限制则留空",
            "text",
            "22:00-08:00",
            form=delivery.QUIET,
        ),
        Parameter(
            "delivery.oldest-hours",
            "交付",
            "补发时限",
            "开票超过这么多小时的票据不再自动通知（如财政长时间中断后）",
            "count",
            72,
            least=1,
            most=720,
        ),
        Parameter(
            "delivery.mail-form",
            "交付",
            "邮件内容",
            "邮件中附 PDF 附件，或只放链接（打开时核实身份）",
            "choice",
            "link",
            {"link": "只放链接", "pdf": "附 PDF"},
        ),
        Parameter(
            "patient.list-department",
            "取票页面",
            "列表显示科室",
            "用验证码查到的票据列表里是否写科室；敏感科室总是写通用名称",
            "flag",
            True,
        ),
        Parameter(
            "patient.slip-details",
            "取票页面",
            "告知单可看明细",
            "只凭告知单和姓名，是否可看费用清单（药品、科室）、取带数据文件（含完整证件号）的 PDF；否则要用手机验证码",
            "flag",
            False,
            guard="up",
        ),
    )
}


def declare(*more: Parameter) -> None:
    """Add the parameters of a part that comes and goes as a whole. Raises ValueError for a key that is taken."""
    for one in more:
        if one.key in CATALOGUE:
            raise ValueError(f"parameter {one.key!r} is declared twice")
        CATALOGUE[one.key] = one


def value(connection: Connection, unit_id: int, key: str) -> Any:
    """Return the value in force. Raises KeyError for a key outside the catalogue."""
    stored = select(PARAMETER.c.value).where(PARAMETER.c.unit_id == unit_id, PARAMETER.c.key == key)
    row = connection.execute(stored).one_or_none()
    return CATALOGUE[key].default if row is None else row.value


def values(connection: Connection, unit_id: int) -> dict[str, Any]:
    """Return every value in force, by key."""
    rows = connection.execute(select(PARAMETER.c.key, PARAMETER.c.value).where(PARAMETER.c.unit_id == unit_id))
    stored = {row.key: row.value for row in rows}
    return {key: stored.get(key, parameter.default) for key, parameter in CATALOGUE.items()}


def save(services: Services, actor: Actor, key: str, text: str) -> bool:
    """Set a parameter as :func:`change` does, in a transaction of its own."""
    return services.database.act(lambda connection: change(connection, key, text, actor))


def parsed(key: str, text: str) -> object:
    """Read the value of a parameter from the text of a form. Raises PAGE_NOT_FOUND, INPUT_INVALID."""
    parameter = CATALOGUE.get(key)
    if parameter is None:
        raise Refusal("PAGE_NOT_FOUND")
    try:
        return parameter.parse(text)
    except ValueError as error:
        raise Refusal("INPUT_INVALID", reason=f"{parameter.title}：{error}") from None


def change(connection: Connection, key: str, text: str, actor: Actor) -> bool:
    """Set a parameter from the text of a form, in the caller's transaction; ``False`` when it was so already.

    Raises PAGE_NOT_FOUND for an unknown key, INPUT_INVALID for a value outside its kind.
    """
    after = parsed(key, text)
    before = value(connection, actor.unit_id, key)
    if before == after:
        return False
    with objects(connection) as session:
        stored = StoredParameter(unit_id=actor.unit_id, key=key, value=after)
        stored.changed_by, stored.changed_at = actor.label, now()
        session.merge(stored)
    details = {"before": before, "after": after}
    audit.record(connection, actor, "parameter.changed", ("parameter", key), details)
    return True
