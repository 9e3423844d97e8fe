"""接口账号: who may push, by which key, with which checks, and how its codes become ours (his-interface §1.1, §3)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request, url_for
from sqlalchemy import func, select

from admin.kit.forms import BooleanField, Form, SelectField, Text, choices, required
from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access import his_keys
from portal.access.his_account import HIS
from portal.access.permissions import Permission
from portal.domain.documents.settlement import CHANNELS, Scene
from portal.domain.documents.voucher import VoucherScene
from portal.domain.errors import Refusal
from portal.listing.columns import Column
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import HIS_ACCOUNT, HIS_MAPPING, POINT
from portal.web.edge import see_other, services

TABLES = {"bus_type": "业务标识对照", "channel": "缴费渠道对照", "card_type": "卡类型对照", "place": "开票点对照"}
CARDS = {"id_card": "居民身份证", "social": "社会保障卡", "clinic": "就诊卡", "household": "户口簿", "other": "其他"}
POLICIES = (
    ("channels", "缴费渠道合计 = 总金额", "warn"),
    ("split", "统筹 + 其他 + 个账 + 现金 = 总金额", "warn"),
    ("details", "清单合计与总金额相差不超过 0.10", "warn"),
    ("zero_rows", "收费项目没有 0 元行", "warn"),
    ("vouchers", "预交金扣款属于该患者且余额足够", "refuse"),
)
ACTIONS = (("refuse", "拒绝"), ("warn", "提醒"), ("ignore", "不检查"))
BLANK_ROWS = 5

ACCOUNTS = ListPage(
    name="his-accounts",
    title="接口账号",
    order=(HIS_ACCOUNT.c.appid,),
    ascending=True,
    columns=(
        Column("appid", "应用账号", link=lambda row: url_for("system.his_account", account_id=row.id)),
        Column("name", "名称", "long"),
        Column("active", "状态", "state", states={True: State("启用", "ok"), False: State("停用", "red")}),
        Column(
            "keys",
            "密钥",
            "state",
            value=lambda row: row.earlier_key is not None,
            states={True: State("新旧密钥同时有效", "wait"), False: State("一个密钥")},
        ),
        Column("mappings", "对照条数", "count"),
    ),
    empty="还没有接口账号。新增后把应用账号和密钥交给 HIS 厂商即可对接。",
)


class NewAccountForm(Form):
    """A HIS that is to be connected."""

    appid = Text("应用账号（appid）", [required], most=50, description="一般为医院拼音缩写加数字，交给 HIS 后不能再改")
    name = Text("名称", [required], most=100, description="例如：门诊 HIS、体检系统")


class AccountForm(Form):
    """What can be changed of an account."""

    name = Text("名称", [required], most=100)
    active = BooleanField("启用（停用后该账号的推送会被拒绝）")
    channels = SelectField(POLICIES[0][1], choices=choices(ACTIONS))
    split = SelectField(POLICIES[1][1], choices=choices(ACTIONS))
    details = SelectField(POLICIES[2][1], choices=choices(ACTIONS))
    zero_rows = SelectField(POLICIES[3][1], choices=choices(ACTIONS))
    vouchers = SelectField(POLICIES[4][1], choices=choices(ACTIONS))


@system.get("/his-accounts")
@requires(Permission.HIS_VIEW, menu="接口账号", order=50)
def his_accounts() -> Response:
    """The unit's HIS accounts."""
    counted = (
        select(HIS_MAPPING.c.account_id, func.count().label("mappings")).group_by(HIS_MAPPING.c.account_id).subquery()
    )
    statement = (
        select(HIS_ACCOUNT, func.coalesce(counted.c.mappings, 0).label("mappings"))
        .select_from(HIS_ACCOUNT.outerjoin(counted, counted.c.account_id == HIS_ACCOUNT.c.id))
        .where(HIS_ACCOUNT.c.unit_id == current_staff().unit_id, HIS_ACCOUNT.c.kind == HIS)
    )
    return respond(ACCOUNTS, statement, "system/his_accounts.html")


@system.route("/his-accounts/new", methods=["GET", "POST"])
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def new_his_account() -> Response:
    """Connect another HIS."""
    form, problem = NewAccountForm(), ""
    if form.accepted():
        if not (form.appid.data.isascii() and form.appid.data.isalnum()):
            problem = "应用账号只能用字母和数字。"
        else:
            try:
                account_id = his_keys.create(services(), current_actor(), form.appid.data, form.name.data)
            except Refusal as refusal:
                problem = str(refusal)
            else:
                say("已新增接口账号。请在本页显示密钥并交给 HIS，密钥只显示一次。")
                return see_other(url_for("system.his_account", account_id=account_id))
    back = url_for("system.his_accounts")
    return page("kit/form.html", title="新增接口账号", form=form, verb="新增", back=back, problem=problem)


@system.route("/his-accounts/<int:account_id>", methods=["GET", "POST"])
@requires(Permission.HIS_VIEW, within="system.his_accounts")
def his_account(account_id: int) -> Response:
    """One account: facts and checks, keys, mapping tables."""
    with services().database.read() as connection:
        account = his_keys.own(connection, current_actor(), account_id)
        counted = select(HIS_MAPPING.c.table_name, func.count()).where(HIS_MAPPING.c.account_id == account_id)
        counts = {row[0]: row[1] for row in connection.execute(counted.group_by(HIS_MAPPING.c.table_name))}
    kept = {name: account.policies.get(name, default) for name, _, default in POLICIES}
    form = AccountForm(data={"name": account.name, "active": account.active} | kept)
    if form.accepted():
        _require_edit()
        policies = {name: form[name].data for name, _, _ in POLICIES}
        his_keys.set_facts(services(), current_actor(), account_id, form.name.data, form.active.data, policies)
        say("已保存，几秒后生效。")
        return see_other(url_for("system.his_account", account_id=account_id))
    return page("system/his_account.html", account=account, form=form, tables=TABLES, counts=counts, key="")


def _require_edit() -> None:
    if Permission.HIS_EDIT not in current_staff().permissions:
        raise Refusal("PERMISSION_MISSING", title="维护接口账号")


@system.post("/his-accounts/<int:account_id>/renew")
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def renew_his_key(account_id: int) -> Response:
    """A new key beside the present one."""
    his_keys.renew(services(), current_actor(), account_id)
    say("已生成新密钥；旧密钥继续有效，直到停用。请显示新密钥并交给 HIS。")
    return see_other(url_for("system.his_account", account_id=account_id))


@system.post("/his-accounts/<int:account_id>/key")
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def show_his_key(account_id: int) -> Response:
    """The new key, this once."""
    key = his_keys.look(services(), current_actor(), account_id)
    with services().database.read() as connection:
        account = his_keys.own(connection, current_actor(), account_id)
    return page("system/his_key.html", account=account, key=key)


@system.post("/his-accounts/<int:account_id>/end-earlier")
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def end_earlier_his_key(account_id: int) -> Response:
    """The HIS has changed over: the old key is good no longer."""
    his_keys.end_earlier(services(), current_actor(), account_id)
    say("旧密钥已停用，几秒后生效。")
    return see_other(url_for("system.his_account", account_id=account_id))


def _our_codes(table: str) -> Mapping[str, str]:
    if table == "bus_type":
        titles = {scene.value: scene.title for scene in Scene if scene.medical}
        return titles | {scene.value: f"{scene.title}预交金" for scene in VoucherScene}
    if table == "place":
        with services().database.read() as connection:
            found = connection.execute(
                select(POINT.c.code, POINT.c.name).where(POINT.c.unit_id == current_staff().unit_id)
            ).all()
        return {code: f"{code} {name}" for code, name in found}
    return CHANNELS if table == "channel" else CARDS


@system.route("/his-accounts/<int:account_id>/mappings/<string:table>", methods=["GET", "POST"])
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def his_mapping(account_id: int, table: str) -> Response:
    """One 对照表: the sender's code → ours. An empty sender's code takes the row away."""
    if table not in TABLES:
        raise Refusal("PAGE_NOT_FOUND")
    with services().database.read() as connection:
        account = his_keys.own(connection, current_actor(), account_id)
        mine = (HIS_MAPPING.c.account_id == account_id) & (HIS_MAPPING.c.table_name == table)
        found = connection.execute(select(HIS_MAPPING.c.sent_code, HIS_MAPPING.c.our_code).where(mine))
        rows = [(row.sent_code, row.our_code) for row in found.all()]
    ours, problem = _our_codes(table), ""
    if request.method == "POST":
        sent = [code.strip()[:50] for code in request.form.getlist("sent")]
        rows = [row for row in zip(sent, request.form.getlist("ours"), strict=False) if row[0]]
        problem = _problem(rows, ours)
        if not problem:
            changed, gone = his_keys.set_mapping(services(), current_actor(), account_id, table, dict(rows))
            say(f"已保存{TABLES[table]}：新增或修改 {changed} 条，删除 {gone} 条；几秒后生效。")
            return see_other(url_for("system.his_account", account_id=account_id))
    return page(
        "system/his_mapping.html",
        account=account,
        title=TABLES[table],
        rows=[*sorted(rows), *[("", "")] * BLANK_ROWS],
        ours=ours,
        problem=problem,
    )


def _problem(rows: list[tuple[str, str]], ours: Mapping[str, str]) -> str:
    codes = [code for code, _ in rows]
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        return f"HIS 编码 {'、'.join(twice)} 填写了两次，请只保留一行。"
    if missing := sorted(code for code, our in rows if our not in ours):
        return f"HIS 编码 {'、'.join(missing)} 没有选择平台编码。"
    return ""
