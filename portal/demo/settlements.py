"""Invented settlements in the HIS contract: people, prices and splits of payment. Pure and repeatable by seed.

Every sum agrees: lines to items, items to total, channels to total, insurance split to total.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.core.clock import local
from portal.domain.identity import id_check_character
from portal.domain.money import yuan


@dataclass(frozen=True, slots=True)
class Person:
    """An invented patient: name, ID of region 000000, phone of the demo's range, cards, insurance."""

    name: str
    id_no: str
    phone: str
    insurance: str = "城乡居民基本医疗保险"
    card: str = ""
    insurance_no: str = ""

    @property
    def sex(self) -> str:
        """男 or 女 by the seventeenth digit."""
        return "男" if int(self.id_no[16]) % 2 else "女"

    def age(self, at: datetime) -> int:
        """Count full years."""
        born = datetime.strptime(self.id_no[6:14], "%Y%m%d").date()
        day = local(at).date()
        return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


RESIDENT, EMPLOYEE, SELF = "城乡居民基本医疗保险", "职工基本医疗保险", "全自费"
_SHARE = {RESIDENT: 65, EMPLOYEE: 80, SELF: 0}
_CODES = {RESIDENT: "02", EMPLOYEE: "01", SELF: "07"}

_NAMED = (
    ("林演安", "000000195203150010", RESIDENT),
    ("陈样英", "000000194809060023", RESIDENT),
    ("梁测强", "000000198704120032", EMPLOYEE),
    ("黄例敏", "000000199007230046", EMPLOYEE),
    ("关试宝", "00000020240110005X", RESIDENT),
    ("许演星", "00000020191201006X", RESIDENT),
    ("冯样海", "000000197605180078", RESIDENT),
    ("谭例霞", "000000196506300084", RESIDENT),
)


def _invent() -> list[Person]:
    rng = random.Random(5)
    people = []
    for number, (name, id_no, insurance) in enumerate(_NAMED, 1):
        people.append(
            Person(name, id_no, f"1000000{number:04d}", insurance, f"99000000{number:02d}", f"TESTYB{number:06d}")
        )
    for number in range(9, 69):
        name = rng.choice("林陈梁黄关许冯谭何李吴郑") + rng.choice("演样测例试示") + rng.choice("海霞强英明芳华平安乐")
        born = f"{rng.randrange(1940, 2024)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
        first = f"000000{born}{rng.randrange(100, 1000)}"
        insurance = rng.choices((RESIDENT, EMPLOYEE, SELF), (60, 28, 12))[0]
        card = f"99000000{number:02d}"
        people.append(
            Person(
                name, first + id_check_character(first), f"1000000{number:04d}", insurance, card, f"TESTYB{number:06d}"
            )
        )
    return people


PERSONS = _invent()
EMPLOYER = ("阳江示例五金厂", "TEST0000000000002X")

# charge code, charge name, item code, name, specification, unit, price in fen
GOODS: dict[str, tuple[tuple[str, str, str, str, str, str, int], ...]] = {
    "drug": (
        ("0109", "西药费", "YP0001", "阿莫西林胶囊", "0.25g×24", "盒", 780),
        ("0109", "西药费", "YP0002", "布洛芬缓释胶囊", "0.3g×20", "盒", 1250),
        ("0109", "西药费", "YP0003", "苯磺酸氨氯地平片", "5mg×28", "盒", 360),
        ("0109", "西药费", "YP0004", "盐酸二甲双胍片", "0.5g×60", "盒", 840),
        ("0109", "西药费", "YP0005", "头孢呋辛酯片", "0.25g×12", "盒", 990),
        ("0109", "西药费", "YP0006", "0.9%氯化钠注射液", "250ml", "袋", 320),
        ("0110", "中成药费", "ZC0001", "连花清瘟胶囊", "24粒", "盒", 1450),
        ("0110", "中成药费", "ZC0002", "复方丹参滴丸", "180丸", "瓶", 2700),
        ("0110", "中成药费", "ZC0003", "藿香正气水", "10支", "盒", 680),
        ("0111", "中药饮片费", "ZY0001", "感冒方", "5剂", "付", 6240),
    ),
    "test": (
        ("0103", "化验费", "HY0001", "血常规（五分类）", "", "次", 1800),
        ("0103", "化验费", "HY0002", "尿液分析", "", "次", 900),
        ("0103", "化验费", "HY0003", "C反应蛋白", "", "次", 1800),
        ("0103", "化验费", "HY0004", "葡萄糖测定", "", "次", 500),
        ("0103", "化验费", "HY0005", "肝功能组合", "", "次", 4200),
        ("0102", "检查费", "JC0001", "胸部DR正位", "", "次", 5500),
        ("0102", "检查费", "JC0002", "腹部彩超", "", "次", 8500),
        ("0102", "检查费", "JC0003", "十二导联心电图", "", "次", 2200),
    ),
    "treat": (
        ("0104", "治疗费", "ZL0001", "静脉输液", "", "次", 900),
        ("0104", "治疗费", "ZL0002", "雾化吸入", "", "次", 800),
        ("0104", "治疗费", "ZL0003", "普通针刺", "", "次", 2200),
        ("0104", "治疗费", "ZL0004", "换药（小）", "", "次", 1200),
        ("0106", "卫生材料费", "CL0001", "一次性输液器", "", "套", 160),
        ("0106", "卫生材料费", "CL0002", "一次性注射器", "5ml", "支", 60),
    ),
    "visit": (("0101", "诊查费", "ZC0101", "普通门诊诊查费", "", "次", 600),),
    "urgent": (("0101", "诊查费", "ZC0102", "急诊诊查费", "", "次", 1200),),
    "suture": (("0105", "手术费", "SS0001", "清创缝合（小）", "", "次", 7500),),
    "register": (("0113", "挂号费", "GH0001", "挂号费", "", "次", 100),),
    "vaccine": (
        ("0199", "其他费", "YM0001", "流感疫苗（四价）", "", "剂", 12800),
        ("0199", "其他费", "YM0002", "水痘疫苗", "", "剂", 14000),
        ("0199", "其他费", "YM0003", "狂犬病疫苗", "", "针", 7000),
    ),
    "service": (("0104", "治疗费", "YM0099", "预防接种服务费", "", "剂", 2000),),
    "checkup": (
        ("0102", "检查费", "TJ0001", "入职体检套餐", "", "人", 11800),
        ("0102", "检查费", "TJ0002", "驾驶人体检", "", "人", 6000),
    ),
    "group": (("0102", "检查费", "TJ0009", "单位团检", "", "人", 26000),),
    "bed": (
        ("0114", "床位费", "CW0001", "三人间", "", "日", 2500),
        ("0115", "护理费", "HL0001", "Ⅱ级护理", "", "日", 1400),
        ("0101", "诊查费", "ZC0103", "住院诊查费", "", "日", 1000),
    ),
}

# scene → method, busType, place, department, its code, (goods, from, to) to draw
SCENES: dict[str, tuple[str, str, tuple[str, ...], str, str, tuple[tuple[str, int, int], ...]]] = {
    "registration": ("invEBillRegistration", "06", ("01", "02", "07", "09"), "内科", "0301", (("register", 1, 1),)),
    "outpatient": (
        "invoiceEBillOutpatient",
        "02",
        ("01", "02", "07", "08", "09"),
        "内科",
        "0301",
        (("visit", 1, 1), ("drug", 1, 4), ("test", 0, 2), ("treat", 0, 2)),
    ),
    "emergency": (
        "invoiceEBillOutpatient",
        "03",
        ("03",),
        "急诊科",
        "0101",
        (("urgent", 1, 1), ("suture", 0, 1), ("drug", 2, 4), ("test", 1, 3), ("treat", 1, 3)),
    ),
    "chronic": (
        "invoiceEBillOutpatient",
        "04",
        ("01", "02"),
        "全科门诊",
        "0201",
        (("visit", 1, 1), ("drug", 2, 3), ("test", 0, 1)),
    ),
    "checkup": ("invEBillCheckUp", "05", ("05",), "体检中心", "1001", (("checkup", 1, 1),)),
    "checkup_employer": ("invEBillCheckUp", "05", ("05",), "体检中心", "1001", (("group", 1, 1),)),
    "immunisation": (
        "invoiceEBillOutpatient",
        "13",
        ("06",),
        "预防接种门诊",
        "0901",
        (("vaccine", 1, 1), ("service", 1, 1)),
    ),
    "inpatient": (
        "invEBillHospitalized",
        "01",
        ("04",),
        "内儿科病区",
        "1301",
        (("bed", 3, 3), ("drug", 4, 8), ("test", 4, 7), ("treat", 3, 5)),
    ),
}
TITLES = {
    "registration": "挂号",
    "outpatient": "门诊",
    "emergency": "急诊",
    "chronic": "门特",
    "checkup": "体检（个人）",
    "checkup_employer": "体检（单位）",
    "immunisation": "免疫接种",
    "inpatient": "住院",
}


def _lines(scene: str, rng: random.Random, days: int) -> list[tuple[tuple[str, str, str, str, str, str, int], int]]:
    lines = []
    for goods, least, most in SCENES[scene][5]:
        shelf = GOODS[goods]
        for good in rng.sample(shelf, min(rng.randint(least, most), len(shelf))):
            quantity = days if goods == "bed" else rng.randint(1, 3) if goods == "drug" else 1
            lines.append((good, 23 if goods == "group" else quantity))
    return lines


def settlement(scene: str, person: Person, serial: str, at: datetime, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Invent one settlement at ``at``: the method to call and the business object."""
    method, bus_type, places, department, department_code, _ = SCENES[scene]
    days = rng.randint(3, 8)
    lines = _lines(scene, rng, days)
    charges: dict[tuple[str, str], int] = {}
    for good, quantity in lines:
        charges[good[:2]] = charges.get(good[:2], 0) + good[6] * quantity
    total = sum(charges.values())
    insured = scene in ("outpatient", "emergency", "chronic", "inpatient") and person.insurance != SELF
    eligible = total * rng.randint(80, 98) // 100
    fund = eligible * _SHARE[person.insurance] // 100 if insured else 0
    account = min(total - fund, rng.choice((0, 0, 1500))) if insured and person.insurance == EMPLOYEE else 0
    cash = total - fund - account
    stamp = local(at)
    body: dict[str, Any] = {
        "busNo": serial,
        "busType": bus_type,
        "busDateTime": f"{stamp:%Y%m%d%H%M%S}{stamp.microsecond // 1000:03d}",
        "placeCode": rng.choice(places),
        "payee": rng.choice(("演示收费员甲", "演示收费员乙")),
        "author": "演示收费员甲",
        "checker": "演示复核员",
        "totalAmt": yuan(total),
        "medicalInstitution": "乡镇卫生院",
        "medicalCareType": person.insurance,
        "medCareTypeCode": _CODES[person.insurance],
        "consultationDate": f"{stamp:%Y%m%d}",
        "patientCategory": department,
        "patientCategoryCode": department_code,
        "patientNo": f"MZ{serial[-8:]}",
        "accountPay": yuan(account),
        "fundPay": yuan(fund),
        "otherfundPay": 0,
        "ownPay": yuan(total - eligible if insured else cash),
        "selfConceitedAmt": 0,
        "selfPayAmt": yuan(eligible - fund if insured else 0),
        "selfCashPay": yuan(cash),
        "reimbursementAmt": yuan(fund),
        "isArrears": "1",
        "payChannelDetail": _channels(rng, cash, fund, account),
        "chargeDetail": _charge_rows(charges),
        "listDetail": _detail_rows(lines),
    }
    body |= _payer(scene, person, at)
    if scene == "inpatient":
        body |= _stay(stamp, days, cash, serial, department, department_code)
    if method == "invEBillCheckUp":
        body["checkUpNo"] = f"TJ{serial[-8:]}"
    return method, body


def _payer(scene: str, person: Person, at: datetime) -> dict[str, Any]:
    if scene == "checkup_employer":
        name, code = EMPLOYER
        return {"payer": name, "payerType": "2", "idCardNo": code, "cardType": "999999", "cardNo": "-", "sex": "未知"}
    return {
        "payer": person.name,
        "payerType": "1",
        "idCardNo": person.id_no,
        "cardType": "3101",
        "cardNo": person.card,
        "medicalInsuranceID": person.insurance_no if person.insurance != SELF else "",
        "tel": person.phone,
        "sex": person.sex,
        "age": f"{person.age(at)}岁",
    }


def _stay(stamp: datetime, days: int, cash: int, serial: str, department: str, code: str) -> dict[str, Any]:
    prepaid = (cash // 100_000 + 1) * 100_000
    return {
        "category": department,
        "categoryCode": code,
        "leaveCategory": department,
        "leaveCategoryCode": code,
        "hospitalNo": f"ZY{serial[-6:]}",
        "visitNo": f"ZY{serial[-6:]}-1",
        "hospitalArea": department,
        "bedNo": "12",
        "inHospitalDate": f"{stamp - timedelta(days=days):%Y-%m-%d}",
        "outHospitalDate": f"{stamp:%Y-%m-%d}",
        "hospitalDays": days,
        "cashPay": yuan(prepaid),
        "cashRecharge": 0,
        "cashRefund": yuan(prepaid - cash),
    }


def _channels(rng: random.Random, cash: int, fund: int, account: int) -> list[dict[str, Any]]:
    rows = [(rng.choice(("05", "05", "05", "04", "02", "01")), cash), ("11", fund), ("YBK", account)]
    kept = [row for row in rows if row[1]] or [("02", 0)]
    return [{"payChannelCode": code, "payChannelValue": yuan(fen)} for code, fen in kept]


def _charge_rows(charges: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [
        {
            "sortNo": number,
            "chargeCode": code,
            "chargeName": name,
            "unit": "项",
            "std": yuan(fen),
            "number": 1,
            "amt": yuan(fen),
            "selfAmt": 0,
        }
        for number, ((code, name), fen) in enumerate(charges.items(), 1)
    ]


def _detail_rows(lines: list[tuple[tuple[str, str, str, str, str, str, int], int]]) -> list[dict[str, Any]]:
    return [
        {
            "listDetailNo": str(number),
            "chargeCode": code,
            "chargeName": charge,
            "code": item,
            "name": name,
            "specification": specification,
            "unit": unit,
            "std": yuan(price),
            "number": quantity,
            "amt": yuan(price * quantity),
            "selfAmt": 0,
            "medicalCareType": "1" if code == "0109" else "",
            "sortNo": number,
        }
        for number, ((code, charge, item, name, specification, unit, price), quantity) in enumerate(lines, 1)
    ]
