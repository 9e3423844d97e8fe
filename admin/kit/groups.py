"""The menu groups, in the order of a day at a window. Page modules hang their views on these."""

from __future__ import annotations

from admin.kit.guard import group

home = group("home", "首页")
billing = group("billing", "开票管理")
stock = group("stock", "票据库存")
delivery = group("delivery", "交付管理")
reconciliation = group("reconciliation", "对账管理")
archive = group("archive", "核销归档")
reports = group("reports", "报表")
basics = group("basics", "基础信息")
system = group("system", "系统管理")
joint = group("joint", "联调中心")

ALL = (home, billing, stock, delivery, reconciliation, archive, reports, basics, system, joint)
