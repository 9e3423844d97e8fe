"""From what a person typed to the settlement that is issued, or field by field what is wrong.

Rules: quantity × price = amount, exactly; Σ lines = total; Σ channels = total; funds + account + cash = total. The
total is always computed, never typed. Nothing is rounded.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from portal.core.clock import SHANGHAI, local
from portal.domain import mail_address
from portal.domain.characters import is_lost, mended, pictures, spelled
from portal.domain.days import day_of
from portal.domain.documents.manual_input import CURRENCIES, LINE, PAYMENT, Entry, Field, fields, figure, line_fen
from portal.domain.documents.settlement import (
    CHANNELS,
    Charge,
    Dealing,
    Detail,
    Donation,
    Payer,
    Payment,
    Scene,
    Settlement,
    Split,
    Visit,
)
from portal.domain.identity import (
    WHICH_PHONES,
    is_credit_code,
    is_id_card,
    is_phone,
    normalise,
    normalise_name,
    recognise,
)
from portal.domain.money import commas
from portal.issuing.manual.catalogue import Catalogue, Priced
from portal.rendering.pdf import fonts

ANONYMOUS = "匿名捐赠人"
OWN_SERIAL = "SG"
"""Serials that the platform makes: these letters and a draft's id. A typed one must look different."""

OLDEST_DAYS = 366
_ID_SHAPE = re.compile(r"\d{17}[\dX]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """``where``: field name, ``lines.2.price``, ``payments.0.amount``; ``reason`` and ``remedy`` are for people."""

    where: str
    title: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the typed texts. ``serial`` is used when none was typed."""

    catalogue: Catalogue
    points: Collection[str]
    cashier: str
    author: str
    serial: str
    moment: datetime
    org_type: str = ""


@dataclass(slots=True)
class Checked:
    """The result. ``settlement`` is there when there are no problems; amounts are fen, ``None`` where unreadable."""

    total_fen: int = 0
    paid_fen: int = 0
    own_cash_fen: int | None = None
    line_amounts: list[int | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settlement: Settlement | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    item: Priced
    name: str
    unit: str
    quantity_micro: int
    price_micro: int
    amount_fen: int
    remark: str


def check(entry: Entry, context: Context) -> Checked:
    """Read every field; collects all problems at once, in the order of the form."""
    return _Reader(entry, context).read()


class _Reader:
    def __init__(self, entry: Entry, context: Context) -> None:
        self.entry, self.context, self.result = entry, context, Checked()
        self.titles = {item.name: item for item in fields(entry.kind)}
        self.today = local(context.moment).date()

    @property
    def readable(self) -> bool:
        """Whether every line could be read; else their sum means nothing and is held against nothing."""
        return bool(self.result.line_amounts) and None not in self.result.line_amounts

    def problem(self, where: str, title: str, reason: str, remedy: str) -> None:
        self.result.problems.append(Problem(where, title, reason, remedy))

    def read(self) -> Checked:
        result, kind = self.result, self.entry.kind
        texts = {name: self.text(name, item, self.entry.fields[name]) for name, item in self.titles.items()}
        day = self.business_day(texts["business_day"])
        payer = self.payer(texts)
        lines = self.lines()
        result.total_fen = sum(row.amount_fen for row in lines)
        if texts["point_code"] and texts["point_code"] not in self.context.points:
            self.problem("point_code", "开票点", f"{texts['point_code']} 没有登记或已停用", "请从列表中选择开票点")
        goods = kind is Scene.DONATION and texts["donation_form"] == "goods"
        payments = () if goods else self.payments()
        split = self.split(texts) if kind.medical else Split(own_cash_fen=result.total_fen)
        visit = self.visit(texts) if kind.medical else Visit()
        purpose = self.purpose(texts, goods)
        serial = self.serial(texts.get("serial", ""))
        if not kind.medical and self.readable and not result.total_fen:
            self.problem("lines", "金额", "合计为 0", "往来和捐赠票据的合计应大于 0")
        if not result.problems:
            result.settlement = Settlement(
                serial=serial,
                scene=Scene(texts["scene"]) if kind is Scene.OUTPATIENT else kind,
                point_code=texts["point_code"],
                business_at=_moment(day, self.context.moment),
                payer=payer,
                cashier=self.context.cashier,
                author=self.context.author,
                checker=texts["checker"],
                total_fen=result.total_fen,
                split=split,
                visit=visit,
                charges=tuple(_charges(lines, self.context.catalogue)),
                details=tuple(_details(lines, self.context.catalogue)),
                payments=payments,
                remark=texts["remark"],
                purpose=purpose,
                warnings=tuple(result.warnings),
                sent=self.entry.text(),
            )
        return result

    def text(self, where: str, item: Field, value: str, required: bool | None = None) -> str:
        """Return a value without what no field allows; ``""`` when it is refused."""
        value = mended(value)
        if not value:
            if item.required if required is None else required:
                self.problem(where, item.title, "不能为空", _fill(item))
            return ""
        if is_lost(value):
            self.problem(where, item.title, "汉字已变成问号或乱码", "请核对文件的字符编码，或重新输入")
            return ""
        if len(value) > item.most:
            self.problem(where, item.title, f"超过 {item.most} 个字", "请缩短后再试")
            return ""
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
            self.problem(where, item.title, "含有看不见的控制字符", "请删除后重新输入，不要从其他软件粘贴")
            return ""
        if drawn := pictures(value):
            self.problem(where, item.title, f"“{drawn}”是表情符号，票面不印", "请删除，只写文字")
            return ""
        if missing := fonts.missing(value):
            self.problem(
                where, item.title, f"“{spelled(missing)}”不在 GB 18030-2022 字库内，票面印不出", "请核对这个字的写法"
            )
            return ""
        if item.kind == "choice" and item.choices and value not in dict(item.choices):
            self.problem(where, item.title, "不在可选范围内", f"可选：{'、'.join(dict(item.choices).values())}")
            return ""
        return value

    def figure(self, where: str, item: Field, value: str, places: int) -> int | None:
        """Return a number that may not be negative; ``None`` when absent or refused."""
        if not value:
            return None
        try:
            number = figure(value, places)
        except ValueError as error:
            told = str(error), f"请填写最多 {places} 位小数的数字，例如 12.50"
            if not places:
                told = "不是整数", "请填写整数，例如 3"
            self.problem(where, item.title, *told)
            return None
        if number < 0:
            self.problem(where, item.title, "不能为负数", "退费请在冲红中办理")
            return None
        return number

    def day(self, name: str, value: str) -> date | None:
        if not value:
            return None
        try:
            return day_of(value)
        except ValueError:
            self.problem(name, self.titles[name].title, "不是日期", "请按 2026-01-05 的格式填写")
            return None

    def business_day(self, value: str) -> date:
        day = self.day("business_day", value) or self.today
        title = self.titles["business_day"].title
        if day > self.today:
            self.problem("business_day", title, f"{day} 还没有到", "请填写今天或以前的日期")
        elif day < self.today - timedelta(days=OLDEST_DAYS):
            self.problem("business_day", title, f"{day} 在一年以前", "请核对年份；更早的业务请联系票据管理员")
        return day

    def serial(self, value: str) -> str:
        if re.fullmatch(rf"{OWN_SERIAL}\d{{10,}}", value):
            self.problem("serial", "业务流水号", f"以 {OWN_SERIAL} 开头的流水号由平台编号", "请改用收费系统的流水号")
        return value or self.context.serial

    def payer(self, texts: dict[str, str]) -> Payer:
        if texts.get("anonymous"):
            # Nothing that was typed about the person may go any further.
            self.result.problems = [
                found for found in self.result.problems if found.where not in ("payer_name", "payer_kind")
            ]
            return Payer("1", ANONYMOUS)
        kind, number = texts["payer_kind"], normalise(texts["id_no"])
        title = self.titles["id_no"].title
        id_type = texts["id_type"]
        if number and kind == "2":
            id_type = "credit_code"
            if not is_credit_code(number):
                self.problem("id_no", title, "不是统一社会信用代码，或校验位不对", "应为 18 位数字和大写字母，请核对")
        elif number:
            found = [what.value for what in recognise(number)]
            id_type = id_type or (found[0] if found else "other")
            mistyped = _ID_SHAPE.fullmatch(number) and not is_id_card(number) and texts["id_type"] != "other"
            if mistyped or id_type not in (*found, "other"):
                self.problem("id_no", title, "与证件类型不符，或校验位不对", "请核对号码；其他证件请把类型选为“其他”")
        phone = normalise(texts["phone"])
        if phone and not is_phone(phone):
            self.problem("phone", self.titles["phone"].title, "不是手机号", WHICH_PHONES)
        if texts["email"] and not mail_address.is_address(texts["email"]):
            self.problem("email", self.titles["email"].title, "不是邮箱地址", "例如 name@example.com")
        return Payer(
            kind=kind,
            name=texts["payer_name"],
            id_type=id_type if number else "",
            id_no=number,
            phone=phone,
            email=texts["email"],
            insurance_no=normalise(texts.get("insurance_no", "")),
            patient_id=normalise(texts.get("patient_no", "") or texts.get("hospital_no", "")),
        )

    def lines(self) -> list[_Line]:
        if not self.entry.lines:
            self.problem("lines", "项目", "没有收费项目", "请至少填写一行")
        found = []
        for place, row in enumerate(self.entry.lines):
            line = self.line(f"lines.{place}", place, row)
            self.result.line_amounts.append(line.amount_fen if line else None)
            if line:
                found.append(line)
        return found

    def line(self, where: str, place: int, row: dict[str, str]) -> _Line | None:
        before = len(self.result.problems)
        table = {item.name: replace(item, title=f"第 {place + 1} 行{item.title}") for item in LINE}
        code = self.text(f"{where}.code", table["code"], row["code"])
        item = self.context.catalogue.find(code, self.entry.kind) if code else None
        if code and item is None:
            self.problem(f"{where}.code", table["code"].title, f"收费明细中没有“{code}”", "请从收费明细中选择编码")
        named = row["name"] or (item.name if item else "")
        name = self.text(f"{where}.name", table["name"], named, required=not code or item is not None)
        if item and name and normalise_name(name) != normalise_name(item.name) and item.area != "donation" and item.id:
            self.problem(f"{where}.name", table["name"].title, f"编码 {code} 是“{item.name}”", "请核对编码和名称")
        unit = self.text(f"{where}.unit", table["unit"], row["unit"] or (item.unit if item else ""))
        remark = self.text(f"{where}.remark", table["remark"], row["remark"])
        quantity = self.needed(f"{where}.quantity", table["quantity"], row["quantity"], 6)
        usual = item.price_micro if item else None
        price = usual if usual is not None and not row["price"] else None
        if price is None:
            price = self.needed(f"{where}.price", table["price"], row["price"], 6)
        amount = self.figure(f"{where}.amount", table["amount"], row["amount"], 2)
        if quantity == 0:
            self.problem(f"{where}.quantity", table["quantity"].title, "不能为 0", "请填写数量，或删去这一行")
        if item and price is not None and (refused := item.refuses(price, self.today)):
            self.problem(f"{where}.price", table["price"].title, *refused)
        if quantity is not None and price is not None:
            amount = self.amount(f"{where}.amount", table["amount"].title, quantity, price, amount)
        if len(self.result.problems) > before or item is None or amount is None or not quantity or price is None:
            return None
        return _Line(item, name, unit, quantity, price, amount, remark)

    def needed(self, where: str, item: Field, value: str, places: int) -> int | None:
        if not value:
            self.problem(where, item.title, "不能为空", _fill(item))
        return self.figure(where, item, value, places)

    def amount(self, where: str, title: str, quantity: int, price: int, typed: int | None) -> int | None:
        try:
            product = line_fen(quantity, price)
        except ValueError as error:
            self.problem(where, title, str(error), "金额应是两位小数")
            return None
        if typed is not None and typed != product:
            self.problem(
                where, title, f"数量乘以标准是 {commas(product)}，填的是 {commas(typed)}", "请更正，或把金额留空"
            )
            return None
        return product

    def payments(self) -> tuple[Payment, ...]:
        total, rows = self.result.total_fen, []
        for place, row in enumerate(self.entry.payments):
            where = f"payments.{place}"
            table = {item.name: replace(item, title=f"第 {place + 1} 条{item.title}") for item in PAYMENT}
            channel = self.text(f"{where}.channel", table["channel"], row["channel"])
            if channel and channel not in CHANNELS:
                self.problem(f"{where}.channel", table["channel"].title, "不在可选范围内", "请从列表中选择")
            self.text(f"{where}.reference", table["reference"], row["reference"])
            amount = self.figure(f"{where}.amount", table["amount"], row["amount"], 2)
            if not row["amount"] and len(self.entry.payments) == 1:
                amount = total
            elif not row["amount"]:
                self.problem(f"{where}.amount", table["amount"].title, "不能为空", "几种渠道时请各填金额")
            rows.append(Payment(channel, amount or 0))
        self.result.paid_fen = sum(row.amount_fen for row in rows)
        if self.result.paid_fen != total and self.readable:
            reason = f"缴款渠道合计 {commas(self.result.paid_fen)} 与票面合计 {commas(total)} 不一致"
            self.problem("payments", "缴款渠道", reason, "请核对各渠道金额；医保支付的部分另写一条“医保统筹”")
        return tuple(rows)

    def split(self, texts: dict[str, str]) -> Split:
        total = self.result.total_fen
        names = ("fund", "other_fund", "account", "own_cash", "self_pay", "own_cost", "prepay", "recharge", "refund")
        sums = {name: self.figure(name, self.titles[name], texts[name], 2) if name in texts else None for name in names}
        insured = sum(sums[name] or 0 for name in ("fund", "other_fund", "account"))
        own = total - insured if sums["own_cash"] is None else sums["own_cash"]
        self.result.own_cash_fen = own
        if (insured + own != total or own < 0) and self.readable:
            reason = f"统筹、其他、个人账户、个人现金合计 {commas(insured + max(own, 0))}，票面合计 {commas(total)}"
            self.problem("own_cash", self.titles["own_cash"].title, reason, "请核对四项金额，或把个人现金留空")
        balance = (sums["prepay"] or 0) + (sums["recharge"] or 0) - (sums["refund"] or 0)
        if self.entry.kind is Scene.INPATIENT and sums["prepay"] is not None and balance != own:
            # deposits that differ from cash are a warning only
            self.result.warnings.append(f"预缴加补缴减退费是 {commas(balance)}，个人现金支付是 {commas(own)}")
        return Split(
            account_fen=sums["account"] or 0,
            fund_fen=sums["fund"] or 0,
            other_fund_fen=sums["other_fund"] or 0,
            own_cash_fen=own,
            own_cost_fen=sums["own_cost"] or 0,
            self_pay_fen=sums["self_pay"] or 0,
            prepay_fen=sums["prepay"],
            recharge_fen=sums["recharge"],
            refund_fen=sums["refund"],
        )

    def visit(self, texts: dict[str, str]) -> Visit:
        get = texts.get
        came, left = self.day("in_date", get("in_date", "")), self.day("out_date", get("out_date", ""))
        if came and left and left < came:
            self.problem("out_date", "出院日期", "早于入院日期", "请核对两个日期")
        days = get("days", "")
        if days and self.figure("days", self.titles["days"], days, 0) is None:
            days = ""
        if came and left and not days:
            days = str(max(1, (left - came).days))
        return Visit(
            org_type=get("org_type", "") or self.context.org_type,
            visit_date=self.day("visit_date", get("visit_date", "")),
            patient_no=get("patient_no", ""),
            case_no=get("case_no", ""),
            sex=get("sex", ""),
            age=get("age", ""),
            department=get("department", ""),
            insurance_type=get("insurance_type", ""),
            hospital_no=get("hospital_no", ""),
            in_date=came,
            out_date=left,
            days=days,
        )

    def purpose(self, texts: dict[str, str], goods: bool) -> Dealing | Donation | None:
        if self.entry.kind is Scene.DEALING:
            return Dealing(texts["category"], texts["counterparty"], texts["basis"])
        if self.entry.kind is not Scene.DONATION:
            return None
        currency = texts["currency"] or "CNY"
        original = self.figure("original", self.titles["original"], texts["original"], 6)
        rate = self.figure("rate", self.titles["rate"], texts["rate"], 6)
        if goods or currency == "CNY":
            for name, value in (("original", original), ("rate", rate)):
                if value:
                    self.problem(name, self.titles[name].title, "只用于外币", "人民币和实物捐赠请留空")
            return Donation(texts["project"], goods)
        self.foreign(original, rate, dict(CURRENCIES)[currency])
        return Donation(texts["project"], False, currency, original, rate)

    def foreign(self, original: int | None, rate: int | None, title: str) -> None:
        """Foreign money: the yuan of the lines must be the original amount at the rate, to the nearest fen."""
        for name, value in (("original", original), ("rate", rate)):
            if not value:
                self.problem(name, self.titles[name].title, f"捐赠{title}时不能为空", "请按银行结汇单填写")
        if original and rate:
            due = (original * rate + 5 * 10**9) // 10**10
            if due != self.result.total_fen and self.readable:
                reason = f"原币乘以汇率是 {commas(due)} 元，各行合计是 {commas(self.result.total_fen)} 元"
                self.problem("original", self.titles["original"].title, reason, "请核对原币金额、汇率和行金额")


def _fill(item: Field) -> str:
    return f"请选择{item.title}" if item.kind == "choice" else f"请填写{item.title}"


def _moment(day: date, moment: datetime) -> datetime:
    """Return the business time of a day: now for today, noon for another day."""
    return moment if local(moment).date() == day else datetime.combine(day, time(12), SHANGHAI)


def _charges(lines: Iterable[_Line], catalogue: Catalogue) -> Iterable[Charge]:
    groups: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        groups[line.item.charge_code].append(line)
    for code, rows in groups.items():
        amount, only = sum(row.amount_fen for row in rows), rows[0] if len(rows) == 1 else None
        name = catalogue.charges.get(code, rows[0].name)
        if only:
            yield Charge(code, name, amount, only.unit, only.price_micro, only.quantity_micro, remark=only.remark)
        else:
            yield Charge(code, name, amount)


def _details(lines: list[_Line], catalogue: Catalogue) -> Iterable[Detail]:
    """Return the lines one by one, unless they say no more than the charges do."""
    codes = [row.item.charge_code for row in lines]
    if len(set(codes)) == len(codes) and all(row.name == catalogue.charges.get(row.item.charge_code) for row in lines):
        return
    for row in lines:
        yield Detail(
            code=row.item.code,
            name=row.name,
            amount_micro=row.amount_fen * 10_000,
            charge_code=row.item.charge_code,
            charge_name=catalogue.charges.get(row.item.charge_code, row.name),
            unit=row.unit,
            price_micro=row.price_micro,
            quantity_micro=row.quantity_micro,
            remark=row.remark,
        )
