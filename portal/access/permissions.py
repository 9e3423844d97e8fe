"""Permissions, roles, and the one table that says which role may do what."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from portal.domain.titled import Titled


class Permission(StrEnum):
    """What somebody signed in may do. Every console view names one; the words on screen are in :data:`TITLES`."""

    BILLS_VIEW = "bills:view"
    BILLS_ISSUE = "bills:issue"
    BATCH_IMPORT = "batch:import"
    BILLS_REVERSE = "bills:reverse"
    PERSONS_REVEAL = "persons:reveal"
    NOTICE_PRINT = "notice:print"
    PAPER_VIEW = "paper:view"
    PAPER_EXCHANGE = "paper:exchange"
    PAPER_VOID = "paper:void"
    VOUCHERS_VIEW = "vouchers:view"
    VOUCHERS_ISSUE = "vouchers:issue"
    VOUCHERS_REFUND = "vouchers:refund"
    DAY_CLOSE = "day:close"
    STOCK_VIEW = "stock:view"
    STOCK_OPEN = "stock:open"
    STOCK_APPLY = "stock:apply"
    STOCK_RECEIVE = "stock:receive"
    STOCK_HAND_OUT = "stock:hand-out"
    STOCK_ACCEPT = "stock:accept"
    STOCK_RETURN = "stock:return"
    STOCK_VOID = "stock:void"
    STOCK_DESTROY = "stock:destroy"
    DELIVERY_VIEW = "delivery:view"
    DELIVERY_SEND = "delivery:send"
    DELIVERY_EDIT = "delivery:edit"
    RECONCILIATION_VIEW = "reconciliation:view"
    RECONCILIATION_EDIT = "reconciliation:edit"
    WRITE_OFF_VIEW = "write-off:view"
    WRITE_OFF_EDIT = "write-off:edit"
    REPORTS_VIEW = "reports:view"
    CATALOGUE_VIEW = "catalogue:view"
    CATALOGUE_EDIT = "catalogue:edit"
    APPROVALS_VIEW = "approvals:view"
    APPROVALS_DECIDE = "approvals:decide"
    HIS_VIEW = "his:view"
    HIS_EDIT = "his:edit"
    USERS_VIEW = "users:view"
    USERS_EDIT = "users:edit"
    USERS_UNLOCK = "users:unlock"
    ROLES_EDIT = "roles:edit"
    PERSONS_MARK = "persons:mark"
    PARAMETERS_VIEW = "parameters:view"
    PARAMETERS_EDIT = "parameters:edit"
    SYSTEM_WATCH = "system:watch"
    SYSTEM_OPERATE = "system:operate"
    AUDIT_VIEW = "audit:view"
    AUDIT_VERIFY = "audit:verify"
    KIOSKS_EDIT = "kiosks:edit"


TITLES: dict[Permission, str] = {
    Permission.BILLS_VIEW: "查询票据",
    Permission.BILLS_ISSUE: "手工开票",
    Permission.BATCH_IMPORT: "批量导入开票",
    Permission.BILLS_REVERSE: "冲红",
    Permission.PERSONS_REVEAL: "查看完整个人信息（留痕）",
    Permission.NOTICE_PRINT: "打印告知单",
    Permission.PAPER_VIEW: "查看纸质票据",
    Permission.PAPER_EXCHANGE: "换开纸质票据",
    Permission.PAPER_VOID: "作废纸质票据、空白票报损",
    Permission.VOUCHERS_VIEW: "查看预交金凭证",
    Permission.VOUCHERS_ISSUE: "开具预交金凭证",
    Permission.VOUCHERS_REFUND: "预交金退款、作废",
    Permission.DAY_CLOSE: "日结交账",
    Permission.STOCK_VIEW: "查看票据库存",
    Permission.STOCK_OPEN: "登记期初库存",
    Permission.STOCK_APPLY: "票据申领",
    Permission.STOCK_RECEIVE: "票据入库确认",
    Permission.STOCK_HAND_OUT: "票据分发",
    Permission.STOCK_ACCEPT: "开票点接收号段",
    Permission.STOCK_RETURN: "票据申退",
    Permission.STOCK_VOID: "库存作废",
    Permission.STOCK_DESTROY: "票据销毁",
    Permission.DELIVERY_VIEW: "查看交付与通知",
    Permission.DELIVERY_SEND: "发送通知",
    Permission.DELIVERY_EDIT: "维护通知渠道与模板",
    Permission.RECONCILIATION_VIEW: "查看对账",
    Permission.RECONCILIATION_EDIT: "对账平账",
    Permission.WRITE_OFF_VIEW: "查看核销归档",
    Permission.WRITE_OFF_EDIT: "办理核销归档",
    Permission.REPORTS_VIEW: "查看报表",
    Permission.CATALOGUE_VIEW: "查看基础信息",
    Permission.CATALOGUE_EDIT: "维护基础信息",
    Permission.APPROVALS_VIEW: "查看复核事项",
    Permission.APPROVALS_DECIDE: "复核",
    Permission.HIS_VIEW: "查看接口账号",
    Permission.HIS_EDIT: "维护接口账号",
    Permission.USERS_VIEW: "查看用户",
    Permission.USERS_EDIT: "维护用户",
    Permission.USERS_UNLOCK: "解锁用户、重置登录",
    Permission.ROLES_EDIT: "授予角色",
    Permission.PERSONS_MARK: "登记特别保护人员",
    Permission.PARAMETERS_VIEW: "查看参数",
    Permission.PARAMETERS_EDIT: "修改参数",
    Permission.SYSTEM_WATCH: "查看运行状态",
    Permission.SYSTEM_OPERATE: "任务、备份等运行操作",
    Permission.AUDIT_VIEW: "查看日志",
    Permission.AUDIT_VERIFY: "校验日志链",
    Permission.KIOSKS_EDIT: "维护自助机账号",
}


class Role(Titled):
    """角色 of a staff account; an account may have several unless :data:`APART` forbids it."""

    CASHIER = "cashier", "收费员"
    LEAD = "lead", "窗口组长"
    KEEPER = "keeper", "票据管理员"
    ACCOUNTANT = "accountant", "财务核算"
    SUPERVISOR = "supervisor", "财务主管（复核）"
    SYSTEM = "system", "系统管理员"
    SECURITY = "security", "安全管理员"
    AUDITOR = "auditor", "审计员"
    INSPECTOR = "inspector", "财政检查（只读限时）"


_P = Permission
_WINDOW = {
    _P.BILLS_VIEW,
    _P.BILLS_ISSUE,
    _P.BILLS_REVERSE,
    _P.PERSONS_REVEAL,
    _P.NOTICE_PRINT,
    _P.PAPER_VIEW,
    _P.PAPER_EXCHANGE,
    _P.PAPER_VOID,
    _P.VOUCHERS_VIEW,
    _P.VOUCHERS_ISSUE,
    _P.VOUCHERS_REFUND,
    _P.DAY_CLOSE,
    _P.STOCK_VIEW,
    _P.STOCK_ACCEPT,
    _P.DELIVERY_VIEW,
    _P.DELIVERY_SEND,
    _P.APPROVALS_VIEW,
}
_READ = {
    _P.BILLS_VIEW,
    _P.PAPER_VIEW,
    _P.VOUCHERS_VIEW,
    _P.STOCK_VIEW,
    _P.RECONCILIATION_VIEW,
    _P.WRITE_OFF_VIEW,
    _P.REPORTS_VIEW,
    _P.CATALOGUE_VIEW,
}
ROLES: dict[Role, frozenset[Permission]] = {
    Role.CASHIER: frozenset(_WINDOW),
    Role.LEAD: frozenset(_WINDOW | {_P.BATCH_IMPORT, _P.REPORTS_VIEW, _P.CATALOGUE_VIEW, _P.RECONCILIATION_VIEW}),
    Role.KEEPER: frozenset(
        _READ
        | {
            _P.STOCK_OPEN,
            _P.STOCK_APPLY,
            _P.STOCK_RECEIVE,
            _P.STOCK_HAND_OUT,
            _P.STOCK_ACCEPT,
            _P.STOCK_RETURN,
            _P.STOCK_VOID,
            _P.STOCK_DESTROY,
            _P.PAPER_VOID,
            _P.BATCH_IMPORT,
            _P.BILLS_ISSUE,
            _P.NOTICE_PRINT,
            _P.CATALOGUE_EDIT,
            _P.DELIVERY_VIEW,
            _P.DELIVERY_SEND,
            _P.WRITE_OFF_EDIT,
            _P.APPROVALS_VIEW,
            _P.HIS_VIEW,
            _P.PARAMETERS_VIEW,
        }
    ),
    Role.ACCOUNTANT: frozenset(
        _READ | {_P.RECONCILIATION_EDIT, _P.WRITE_OFF_EDIT, _P.DELIVERY_VIEW, _P.APPROVALS_VIEW, _P.PERSONS_REVEAL}
    ),
    Role.SUPERVISOR: frozenset(
        _READ
        | {
            _P.APPROVALS_VIEW,
            _P.APPROVALS_DECIDE,
            _P.PERSONS_REVEAL,
            _P.DELIVERY_VIEW,
            _P.PARAMETERS_VIEW,
            _P.RECONCILIATION_EDIT,
        }
    ),
    Role.SYSTEM: frozenset(
        {
            _P.USERS_VIEW,
            _P.USERS_EDIT,
            _P.HIS_VIEW,
            _P.HIS_EDIT,
            _P.KIOSKS_EDIT,
            _P.PARAMETERS_VIEW,
            _P.PARAMETERS_EDIT,
            _P.CATALOGUE_VIEW,
            _P.DELIVERY_EDIT,
            _P.SYSTEM_WATCH,
            _P.SYSTEM_OPERATE,
        }
    ),
    Role.SECURITY: frozenset(
        {_P.USERS_VIEW, _P.USERS_UNLOCK, _P.ROLES_EDIT, _P.PERSONS_MARK, _P.PARAMETERS_VIEW, _P.SYSTEM_WATCH}
    ),
    Role.AUDITOR: frozenset({_P.AUDIT_VIEW, _P.AUDIT_VERIFY, _P.USERS_VIEW, _P.PARAMETERS_VIEW}),
    Role.INSPECTOR: frozenset(_READ),
}
"""The one table. A permission that a role lacks here it lacks everywhere."""

APART = frozenset({Role.SYSTEM, Role.SECURITY, Role.AUDITOR, Role.INSPECTOR})
"""三员分立: a role of this set stands alone; nobody who has one has any second role."""

TWO_FACTORS = frozenset({Role.SYSTEM, Role.SECURITY, Role.AUDITOR, Role.SUPERVISOR})
"""Roles that need the second factor outside the demo; for the others the parameter ``login.totp`` decides."""

GUARDED = TWO_FACTORS
"""Roles whose accounts one person alone neither resets nor makes: those who administer, look into the log, decide."""


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """Return what these roles together may do; an unknown role may do nothing."""
    return frozenset[Permission]().union(*(ROLES.get(role, frozenset()) for role in roles))  # type: ignore[call-overload]


def conflict(roles: Iterable[Role]) -> Role | None:
    """Return the role that must stand alone but does not, or ``None``."""
    chosen = set(roles)
    return next((role for role in sorted(chosen) if role in APART and len(chosen) > 1), None)
