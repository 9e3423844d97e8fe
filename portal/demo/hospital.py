"""The demo hospital: catalogues, points, numbers of region 99, an account, and bills of many days.

Everything is invented. Bills are issued by the same service as in production, only with a past time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import Connection, func, insert, select

from portal.access import accounts, parameters
from portal.access.accounts import NewAccount
from portal.access.his.accounts import KEY_FIELD, load
from portal.access.permissions import Role
from portal.core.clock import SHANGHAI, business_day, local, now
from portal.core.services import Services
from portal.demo import catalogue
from portal.demo.accounts import DEMO_APPID, DEMO_KEY, UNIT_CODE
from portal.demo.granted import PLANS, POINTS
from portal.demo.settings import DemoSettings
from portal.demo.settlements import EMPLOYER
from portal.domain.actor import Actor
from portal.domain.documents.settlement import Scene
from portal.domain.documents.voucher import VoucherScene
from portal.domain.numbers import NumberRun
from portal.models import (
    Bill,
    BillKind,
    ChargeItem,
    Department,
    HisAccount,
    IncomeItem,
    InsuranceType,
    KioskDevice,
    Point,
    Printer,
    Reviewer,
    Unit,
)
from portal.models.tables import HIS_MAPPING
from portal.retrieval import company
from portal.stock.documents import handouts, receipts
from portal.stock.documents.handouts import HandOut
from portal.stock.rules import Rule, set_rule_on

DEPARTMENTS = (
    ("0101", "急诊科", ""),
    ("0201", "全科门诊", ""),
    ("0301", "内科", ""),
    ("0401", "外科", ""),
    ("0501", "妇产科", "专科门诊"),
    ("0601", "儿科", ""),
    ("0701", "中医科（中医馆）", ""),
    ("0702", "康复理疗科", ""),
    ("0801", "口腔科", ""),
    ("0802", "五官科", ""),
    ("0901", "预防接种门诊", ""),
    ("0902", "公共卫生科", ""),
    ("1001", "体检中心", ""),
    ("1101", "检验科", ""),
    ("1102", "放射科", ""),
    ("1103", "超声心电室", ""),
    ("1201", "西药房", ""),
    ("1202", "中药房", ""),
    ("1301", "内儿科病区", ""),
    ("1302", "外妇产科病区", ""),
    ("1401", "收费处", ""),
    ("1402", "住院结算处", ""),
)
ITEMS = (
    ("0101", "诊查费", "0801", "诊察费"),
    ("0102", "检查费", "0802", "检查费"),
    ("0103", "化验费", "0803", "化验费"),
    ("0104", "治疗费", "0804", "治疗费"),
    ("0105", "手术费", "0805", "手术费"),
    ("0106", "卫生材料费", "0806", "卫生材料费"),
    ("0109", "西药费", "0807", "西药费"),
    ("0110", "中成药费", "0808", "中成药费"),
    ("0111", "中药饮片费", "0809", "中药饮片"),
    ("0112", "一般诊疗费", "0810", "一般诊疗费"),
    ("0113", "挂号费", "0811", "挂号费"),
    ("0114", "床位费", "0812", "床位费"),
    ("0115", "护理费", "0813", "护理费"),
    ("0199", "其他费", "0899", "其他门诊收费"),
)
INSURANCE = (
    ("01", "职工基本医疗保险"),
    ("02", "城乡居民基本医疗保险"),
    ("05", "商业保险"),
    ("06", "公费"),
    ("07", "全自费"),
    ("90", "城乡居民基本医疗保险"),
    ("99", "其他"),
)
BUS_TYPES: dict[str, Scene | VoucherScene] = {
    "01": Scene.INPATIENT,
    "02": Scene.OUTPATIENT,
    "03": Scene.EMERGENCY,
    "04": Scene.CHRONIC,
    "05": Scene.CHECKUP,
    "06": Scene.REGISTRATION,
    "07": VoucherScene.INPATIENT,
    "08": VoucherScene.CHECKUP,
    "12": VoucherScene.OUTPATIENT,
    "13": Scene.IMMUNISATION,
}
CHANNELS = {
    "01": "pos",
    "02": "cash",
    "03": "transfer",
    "04": "alipay",
    "05": "wechat",
    "06": "cheque",
    "07": "card",
    "08": "card",
    "09": "kiosk",
    "10": "pos",
    "11": "insurance",
    "12": "prepayment",
    "13": "online",
    "99": "other",
    "00": "other",
    "YBK": "insurance_account",
    "YBTCJJ": "insurance",
    "HBWC": "rounding",
}
SHARES = (
    ("registration", 26),
    ("outpatient", 44),
    ("emergency", 7),
    ("chronic", 8),
    ("checkup", 4),
    ("checkup_employer", 1),
    ("immunisation", 7),
    ("inpatient", 3),
)
HOURS = ((8, 15), (9, 16), (10, 14), (11, 10), (14, 12), (15, 11), (16, 7), (7, 4), (12, 3), (13, 2), (17, 3), (20, 3))
STAFF = (
    ("cashier", "陈某", Role.CASHIER, ("01", "02", "03", "04", "05", "06")),
    ("lead", "张某", Role.LEAD, ("01", "02", "03", "04", "05", "06", "99")),
    ("keeper", "刘某", Role.KEEPER, ("01",)),
    ("accountant", "黄某", Role.ACCOUNTANT, ()),
    ("supervisor", "林某", Role.SUPERVISOR, ()),
    ("system", "吴某", Role.SYSTEM, ()),
    ("security", "郑某", Role.SECURITY, ()),
    ("auditor", "关某", Role.AUDITOR, ()),
    ("inspector", "财政检查员", Role.INSPECTOR, ()),
)
"""One account a role: user name, name, role, points. The password is ``DEMO_PASSWORD``."""
KIOSK_TOKEN = "demo-kiosk-07"
"""What is typed into the browser that plays the kiosk; a real device's token is made when it is enrolled."""
COMPANY_PHONE = "10000009001"
"""Of the contact of :data:`EMPLOYER`'s account."""
A_DAY = 66
KEEPER, SECOND = Actor("system:demo", "演示票管员", 1), Actor("system:demo-2", "演示复核员", 1)
LINES = (("990601", "unit", 50_000, 0), ("990602", "unit", 50_000, 0), ("990621", "unit", 500, 0))
DELIVERY = (("delivery.quiet", ""), ("delivery.mail-form", "pdf"), ("delivery.oldest-hours", "12"))
"""The demo is looked at by night as well, and its invented past is not announced."""
TOP_UPS = (("990601", "07"), ("990601", "08"), ("990601", "09"))
"""Warning lines of the unit; points that are topped up by themselves."""


def seed(services: Services, past: timedelta = timedelta(days=45)) -> bool:
    """Write the catalogues once; returns whether they were written now. Bills may be issued as of up to ``past`` ago:
    there are numbers of that day's year, too."""
    with services.database.write() as connection:
        if connection.scalar(select(func.count()).select_from(Unit)):
            return False
        _hospital(connection)
        _account(services, connection)
        _staff(services, connection)
        for year in sorted({local(moment).year for moment in (now(), now() - past)}):
            _numbers(connection, year)
        _rules(connection)
        _kiosk(services, connection)
    name, code = EMPLOYER
    until = business_day(now()) + timedelta(days=365)
    company.open_account(services, KEEPER, name, code, company.Terms("赵某", COMPANY_PHONE, until, "演示介绍信"))
    return True


def _hospital(connection: Connection) -> None:
    connection.execute(
        insert(Unit),
        {
            "code": UNIT_CODE,
            "name": "阳江高新技术产业开发区平冈镇中心卫生院",
            "short_name": "平冈镇中心卫生院",
            "credit_code": "TEST0000000000001X",
            "region_code": "990000",
            "org_type": "乡镇卫生院",
            "desk_place": "1号收费窗口",
            "desk_phone": "0662-0000000",
            "desk_hours": "8:00–17:30",
            "seal_id": f"{1:032x}",
            "seal_name": "平冈镇中心卫生院演示章",
            "seal_hash": "0" * 64,
            "supervision_seal_id": f"{'990000':0>32}",
            "supervision_seal_name": "演示监制章",
            "supervision_seal_hash": "0" * 64,
        },
    )
    connection.execute(
        insert(Point), [{"unit_id": 1, "code": code, "name": name, "kind": kind} for code, name, kind in POINTS]
    )
    connection.execute(
        insert(Department),
        [{"unit_id": 1, "code": code, "name": name, "general_name": general} for code, name, general in DEPARTMENTS],
    )
    connection.execute(
        insert(ChargeItem),
        [
            {"unit_id": 1, "code": code, "name": name, "fiscal_code": fiscal_code, "fiscal_name": fiscal_name}
            for code, name, fiscal_code, fiscal_name in ITEMS
        ],
    )
    connection.execute(insert(Reviewer), {"unit_id": 1, "code": "01", "name": "演示复核员", "active": True})
    catalogue.seed(connection, 1)
    fiscal = connection.execute(select(ChargeItem.fiscal_code, ChargeItem.fiscal_name).distinct()).all()
    rows = [{"code": code, "name": name, "active": True, "received_at": now()} for code, name in fiscal]
    connection.execute(insert(IncomeItem), rows)
    connection.execute(insert(InsuranceType), [{"code": code, "name": name} for code, name in INSURANCE])
    connection.execute(
        insert(BillKind),
        [
            {
                "id": number,
                "prefix": plan.prefix,
                "name": plan.name,
                "form": plan.form,
                "specimen_code": f"{plan.prefix}2601",
                "paper_prefix": plan.paper,
            }
            for number, plan in enumerate(PLANS, 1)
        ],
    )


def _account(services: Services, connection: Connection) -> None:
    account = {
        "unit_id": 1,
        "appid": DEMO_APPID,
        "name": "演示HIS",
        "key": services.cipher.encrypt(KEY_FIELD, DEMO_APPID, DEMO_KEY),
        "policies": {},
    }
    account_id = connection.execute(insert(HisAccount).returning(HisAccount.id), account).scalar_one()
    tables: list[tuple[str, str, str]] = [("bus_type", code, scene.value) for code, scene in BUS_TYPES.items()]
    tables += [("channel", code, ours) for code, ours in CHANNELS.items()]
    tables += [("card_type", "1101", "id_card"), ("card_type", "1102", "social"), ("card_type", "3101", "clinic")]
    tables += [("place", f"0{code}", code) for code, _, _ in POINTS]
    connection.execute(
        insert(HIS_MAPPING),
        [
            {"account_id": account_id, "table_name": table, "sent_code": sent, "our_code": ours}
            for table, sent, ours in tables
        ],
    )


def _staff(services: Services, connection: Connection) -> None:
    settings = services.settings
    if not isinstance(settings, DemoSettings):
        raise TypeError("invented staff, whose password everybody knows, are for the invented installation only")
    points = {point.code: point.id for point in connection.execute(select(Point.code, Point.id))}
    for username, name, role, codes in STAFF:
        over = now() + timedelta(days=365) if role is Role.INSPECTOR else None
        places = [points[code] for code in codes]
        password = settings.demo_password
        accounts.create(connection, 1, NewAccount(username, name, password, [role], places, over, must_change=False))


def _kiosk(services: Services, connection: Connection) -> None:
    place = connection.execute(select(Point.id).where(Point.code == "07")).scalar_one()
    printer = {"unit_id": 1, "point_id": place, "name": "自助机打印机", "offset_x": 0, "offset_y": 0, "active": True}
    printer_id = connection.execute(insert(Printer).returning(Printer.id), printer).scalar_one()
    device = {"unit_id": 1, "point_id": place, "name": "门诊大厅自助机", "printer_id": printer_id, "sheets": 200}
    device |= {"token_digest": services.index.digest("kiosk", KIOSK_TOKEN), "calling_why": "", "active": True}
    connection.execute(insert(KioskDevice), device)


def _numbers(connection: Connection, year: int) -> None:
    """Write opening stock of every kind, handed out to the points that use it; the emergency point's is reserved."""
    points = {row.code: row.id for row in connection.execute(select(Point.id, Point.code))}
    for plan in PLANS:
        code = f"{plan.prefix}{year % 100:02d}"
        opening = NumberRun(code, plan.first, plan.last)
        receipts.confirm_on(connection, SECOND, receipts.enter_opening_on(connection, KEEPER, opening))
        for point_code in plan.points:
            slip = handouts.draft_on(connection, KEEPER, HandOut(points[point_code], code, plan.share))
            if handouts.hand_out_on(connection, KEEPER, slip).waits:
                handouts.accept_on(connection, SECOND, slip)


def _rules(connection: Connection) -> None:
    kinds = {row.prefix: row.id for row in connection.execute(select(BillKind.id, BillKind.prefix))}
    points = {row.code: row.id for row in connection.execute(select(Point.id, Point.code))}
    for prefix, _, low, lot in LINES:
        set_rule_on(connection, KEEPER, Rule(kinds[prefix], None, low, lot))
    for key, text in DELIVERY:
        parameters.change(connection, key, text, KEEPER)
    for prefix, point_code in TOP_UPS:
        set_rule_on(connection, KEEPER, Rule(kinds[prefix], points[point_code], 500, 5_000))


def moments(days: int, rng: random.Random, until: datetime) -> Iterator[datetime]:
    """Invent times of settlements of the last ``days`` days along the curve of a day, oldest first."""
    hours, weights = zip(*HOURS, strict=True)
    for back in range(days, -1, -1):
        day = (until - timedelta(days=back)).astimezone(SHANGHAI)
        busy = 1.3 if day.weekday() == 0 or day.day % 5 == 1 else 0.6 if day.weekday() == 6 else 1.0
        times = sorted(
            day.replace(
                hour=rng.choices(hours, weights)[0],
                minute=rng.randrange(60),
                second=rng.randrange(60),
                microsecond=rng.randrange(1000) * 1000,
            )
            for _ in range(round(A_DAY * busy))
        )
        yield from (moment for moment in times if moment < until)


def bills(app: Flask, days: int, progress: Callable[[int], None]) -> int:
    """Issue the bills of the last ``days`` days; return how many were new. Safe to repeat and to interrupt."""
    from portal.demo.deposits import Prepayments
    from portal.demo.settlements import PERSONS
    from portal.demo.settlements import settlement as invent
    from portal.his_contract import settlement

    services, desk = app.extensions["qupiao"].services, app.extensions["qupiao"].issuing
    with services.database.read() as connection:
        account = load(connection, services.cipher, DEMO_APPID)
        before = connection.scalar(select(func.count()).select_from(Bill)) or 0
    if account is None:
        return 0
    rng, prepayments = random.Random(20260105), Prepayments(desk, account)
    scenes, weights = zip(*SHARES, strict=True)
    for count, moment in enumerate(moments(days, rng, now()), 1):
        scene, person = rng.choices(scenes, weights)[0], rng.choice(PERSONS)
        serial = f"YS{moment:%Y%m%d%H%M%S}{count:05d}"
        method, body = invent(scene, person, serial, moment, rng)
        if scene == "inpatient":
            body |= prepayments.settled_by(person, body, moment)
        settled = settlement.settlement(method, body, account)
        desk.issue(account, settled, "demo", moment + timedelta(seconds=2))
        if count % 100 == 0:
            progress(count)
    prepayments.still_open(now())
    with services.database.read() as connection:
        return (connection.scalar(select(func.count()).select_from(Bill)) or 0) - before
