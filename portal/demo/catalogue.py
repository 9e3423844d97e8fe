"""The demo hospital's 收费明细 with teaching prices and bounds, and the charges of 往来 and 捐赠."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from portal.domain.documents.manual_input import figure
from portal.models import CatalogueItem, ChargeItem

CHARGES = (
    ("W01", "押金", "040101", "押金"),
    ("W02", "保证金", "040102", "保证金"),
    ("W03", "代收款", "040103", "代收款"),
    ("W04", "暂收款", "040104", "暂收款"),
    ("J01", "货币捐赠", "050101", "货币捐赠"),
    ("J02", "实物捐赠", "050102", "实物捐赠"),
)

# area, code, name, charge code, unit, price, low, high
ITEMS = (
    ("medical", "F0001", "普通门诊诊查费", "0101", "次", "6.00", "0", "6.00"),
    ("medical", "F0002", "急诊诊查费", "0101", "次", "12.00", "0", "12.00"),
    ("medical", "F0003", "一般诊疗费", "0112", "次", "10.00", "0", "10.00"),
    ("medical", "F0004", "挂号费", "0113", "次", "1.00", "0", "1.00"),
    ("medical", "Y0001", "阿莫西林胶囊 0.25g×24", "0109", "盒", "7.80", "0", "7.80"),
    ("medical", "Y0002", "布洛芬缓释胶囊 0.3g×20", "0109", "盒", "12.50", "0", "12.50"),
    ("medical", "Y0003", "苯磺酸氨氯地平片 5mg×28", "0109", "盒", "3.60", "0", "3.60"),
    ("medical", "Y0004", "0.9%氯化钠注射液 250ml", "0109", "瓶", "3.20", "0", "3.20"),
    ("medical", "Z0001", "连花清瘟胶囊 24粒", "0110", "盒", "14.50", "0", "14.50"),
    ("medical", "Z0002", "藿香正气水 10支", "0110", "盒", "6.80", "0", "6.80"),
    ("medical", "C0001", "感冒方", "0111", "剂", "12.48", "5.00", "60.00"),
    ("medical", "E0001", "胸部DR正位", "0102", "次", "55.00", "0", "55.00"),
    ("medical", "E0002", "腹部彩超", "0102", "次", "85.00", "0", "85.00"),
    ("medical", "E0003", "十二导联心电图", "0102", "次", "22.00", "0", "22.00"),
    ("medical", "L0001", "血常规（五分类）", "0103", "次", "18.00", "0", "18.00"),
    ("medical", "L0002", "尿液分析", "0103", "次", "9.00", "0", "9.00"),
    ("medical", "L0003", "葡萄糖测定", "0103", "次", "5.00", "0", "5.00"),
    ("medical", "T0001", "静脉输液", "0104", "次", "9.00", "0", "9.00"),
    ("medical", "T0002", "肌肉注射", "0104", "次", "2.50", "0", "2.50"),
    ("medical", "T0003", "普通针刺", "0104", "次", "22.00", "0", "22.00"),
    ("medical", "S0001", "清创缝合（小）", "0105", "次", "75.00", "0", "75.00"),
    ("medical", "M0001", "一次性输液器", "0106", "套", "1.60", "0", "1.60"),
    ("medical", "M0002", "无菌敷料", "0106", "片", "3.50", "0", "3.50"),
    ("medical", "B0001", "三人间床位费", "0114", "日", "25.00", "0", "25.00"),
    ("medical", "N0001", "Ⅱ级护理", "0115", "日", "14.00", "0", "14.00"),
    ("medical", "V0001", "流感疫苗（四价）", "0199", "剂", "128.00", "0", "128.00"),
    ("medical", "V0002", "免疫规划疫苗", "0199", "剂", "0.00", "0", "0"),
    ("medical", "P0001", "入职体检套餐", "0199", "人", "118.00", "60.00", "118.00"),
    ("medical", "P0002", "单位团检", "0199", "人", "260.00", "100.00", "300.00"),
    ("medical", "Q0001", "病历本", "0199", "本", "1.00", "0", "1.00"),
    ("dealing", "W0101", "住院陪护床押金", "W01", "次", "100.00", "50.00", "500.00"),
    ("dealing", "W0201", "工程履约保证金", "W02", "项", "5000.00", "0", ""),
    ("dealing", "W0301", "代收家庭医生签约费", "W03", "人", "20.00", "20.00", "20.00"),
    ("dealing", "W0401", "暂收款", "W04", "项", "", "", ""),
    ("donation", "J0101", "捐资助医", "J01", "笔", "", "", ""),
    ("donation", "J0201", "捐赠物资", "J02", "件", "", "", ""),
)


def seed(connection: Connection, unit_id: int) -> None:
    """Write the charges and the catalogue of a unit."""
    connection.execute(
        insert(ChargeItem),
        [
            {"unit_id": unit_id, "code": code, "name": name, "fiscal_code": fiscal_code, "fiscal_name": fiscal_name}
            for code, name, fiscal_code, fiscal_name in CHARGES
        ],
    )
    connection.execute(
        insert(CatalogueItem),
        [
            {
                "unit_id": unit_id,
                "area": area,
                "code": code,
                "name": name,
                "charge_code": charge_code,
                "unit": unit,
                "price_micro": figure(price, 6) if price else None,
                "low_micro": figure(low, 6) if low else None,
                "high_micro": figure(high, 6) if high else None,
                "active": True,
            }
            for area, code, name, charge_code, unit, price, low, high in ITEMS
        ],
    )
