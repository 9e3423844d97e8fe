"""接口账号: HIS accounts with their keys, checks and mapping tables (docs/his-accounts.md)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request, url_for
from wtforms import ValidationError

from admin.kit.form_page import form_page
from admin.kit.forms import BooleanField, Form, SelectField, Text, choices, required
from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import page, say
from admin.kit.security import current_actor, current_staff, requires
from portal.access import queries
from portal.access.his import keys
from portal.access.his.accounts import PAPER_WIDTHS
from portal.access.permissions import Permission
from portal.domain.documents.settlement import CHANNELS, Scene
from portal.domain.documents.voucher import VoucherScene
from portal.domain.errors import Refusal
from portal.his_contract import checks
from portal.hospital import queries as unit_queries
from portal.listing.columns import Column
from portal.listing.lists import ListPage
from portal.listing.values import State
from portal.models.tables import HIS_ACCOUNT
from portal.web.edge import see_other, services
from portal.web.numbers import row_id

TABLES = {
    "bus_type": "业务标识对照",
    "channel": "缴费渠道对照",
    "card_type": "卡类型对照",
    "place": "开票点对照",
    "paper": "纸质票据代码对照",
}
CARDS = {"id_card": "居民身份证", "social": "社会保障卡", "clinic": "就诊卡", "household": "户口簿", "other": "其他"}
ACTIONS = (("refuse", "拒绝"), ("warn", "提醒"), ("ignore", "不检查"))
LARGE = (("ignore", "HIS 可直接办理"), ("refuse", "须在控制台双人复核"))
VOIDING = (("no", "只作废纸质票据"), ("yes", "同时冲红电子票据"))
POLICIES = (
    (checks.CHANNELS, "缴费渠道合计 = 总金额", "warn", ACTIONS),
    (checks.SPLIT, "统筹 + 其他 + 个账 + 现金 = 总金额", "warn", ACTIONS),
    (checks.DETAILS, "清单合计与总金额相差不超过 0.10", "warn", ACTIONS),
    (checks.ZERO_ROWS, "收费项目没有 0 元行", "warn", ACTIONS),
    ("vouchers", "预交金扣款属于该患者且余额足够", "refuse", ACTIONS),
    (checks.TIMES, "业务发生时间在一年以前到明天之间", "warn", ACTIONS),
    (checks.LARGE_REVERSAL, "大额冲红、大额退款", "ignore", LARGE),
    (checks.VOID_REVERSES, "invalidPaper 作废纸质票据时", "no", VOIDING),
)
"""Switch, title, default, choices."""
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

    def validate_appid(self, field: Text) -> None:
        """Check that the HIS can send the name of its account in any encoding."""
        if not (field.data.isascii() and field.data.isalnum()):
            raise ValidationError("应用账号只能用字母和数字。")


class AccountForm(Form):
    """What can be changed of an account."""

    name = Text("名称", [required], most=100)
    active = BooleanField("启用（停用后该账号的推送会被拒绝）")


for _name, _title, _default, _choices in POLICIES:
    setattr(AccountForm, _name, SelectField(_title, choices=choices(_choices)))


@system.get("/his-accounts")
@requires(Permission.HIS_VIEW, menu="接口账号", order=50)
def his_accounts() -> Response:
    """List the HIS accounts of the unit."""
    return respond(ACCOUNTS, queries.his_accounts(current_staff().unit_id), "system/his_accounts.html")


@system.route("/his-accounts/new", methods=["GET", "POST"])
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def new_his_account() -> Response:
    """Connect another HIS."""
    form = NewAccountForm()

    def act() -> str:
        account_id = keys.create(services(), current_actor(), form.appid.data, form.name.data)
        say("已新增接口账号。请在本页显示密钥并交给 HIS，密钥只显示一次。")
        return url_for("system.his_account", account_id=account_id)

    return form_page(form, act, title="新增接口账号", back=url_for("system.his_accounts"), verb="新增")


@system.route("/his-accounts/<int:account_id>", methods=["GET", "POST"])
@requires(Permission.HIS_VIEW, within="system.his_accounts")
def his_account(account_id: int) -> Response:
    """Show one account: name and checks, keys, mapping tables."""
    with services().database.read() as connection:
        account = queries.his_account(connection, current_staff().unit_id, account_id)
        counts = queries.mapping_counts(connection, account_id)
    policies = {name: account.policies.get(name, default) for name, _, default, _ in POLICIES}
    form = AccountForm(data={"name": account.name, "active": account.active} | policies)

    def act() -> str:
        _require_edit()
        chosen = {name: form[name].data for name, _, _, _ in POLICIES}
        keys.set_facts(services(), current_actor(), account_id, form.name.data, form.active.data, chosen)
        say("已保存，几秒后生效。")
        return url_for("system.his_account", account_id=account_id)

    return form_page(
        form,
        act,
        title=f"接口账号 {account.appid}",
        back=url_for("system.his_accounts"),
        template="system/his_account.html",
        shown=(),
        account=account,
        tables=TABLES,
        counts=counts,
    )


def _require_edit() -> None:
    if Permission.HIS_EDIT not in current_staff().permissions:
        raise Refusal("PERMISSION_MISSING", title="维护接口账号")


@system.post("/his-accounts/<int:account_id>/renew")
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def renew_his_key(account_id: int) -> Response:
    """Make a new key beside the present one."""
    keys.renew(services(), current_actor(), account_id)
    say("已生成新密钥；旧密钥继续有效，直到停用。请显示新密钥并交给 HIS。")
    return see_other(url_for("system.his_account", account_id=account_id))


@system.post("/his-accounts/<int:account_id>/key")
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def show_his_key(account_id: int) -> Response:
    """Show the new key, this once."""
    key = keys.look(services(), current_actor(), account_id)
    with services().database.read() as connection:
        account = queries.his_account(connection, current_staff().unit_id, account_id)
    return page("system/his_key.html", account=account, key=key)


@system.post("/his-accounts/<int:account_id>/end-earlier")
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def end_earlier_his_key(account_id: int) -> Response:
    """End the old key, once the HIS has changed over."""
    keys.end_earlier(services(), current_actor(), account_id)
    say("旧密钥已停用，几秒后生效。")
    return see_other(url_for("system.his_account", account_id=account_id))


def _our_codes(table: str) -> Mapping[str, str]:
    if table == "bus_type":
        titles = {scene.value: scene.title for scene in Scene if scene.medical}
        return titles | {scene.value: f"{scene.title}预交金" for scene in VoucherScene}
    if table == "place":
        with services().database.read() as connection:
            points = queries.points(connection, current_staff().unit_id)
        return {point.code: f"{point.code} {point.name}" for point in points}
    if table == "paper":
        with services().database.read() as connection:
            kinds = [kind for kind in unit_queries.faces(connection) if kind.form == "paper"]
        return {
            f"{kind.prefix}:{width}": f"{kind.prefix} {kind.name}，号码 {width} 位"
            for kind in kinds
            for width in PAPER_WIDTHS
        }
    return CHANNELS if table == "channel" else CARDS


@system.route("/his-accounts/<int:account_id>/mappings/<string:table>", methods=["GET", "POST"])
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def his_mapping(account_id: int, table: str) -> Response:
    """Edit one 对照表, from the sender's code to ours. An empty sender's code takes the row away."""
    if table not in TABLES:
        raise Refusal("PAGE_NOT_FOUND")
    with services().database.read() as connection:
        account = queries.his_account(connection, current_staff().unit_id, account_id)
        rows = queries.mapping(connection, account_id, table)
    ours, problem = _our_codes(table), ""
    if request.method == "POST":
        sent = [code.strip()[:50] for code in request.form.getlist("sent")]
        rows = [row for row in zip(sent, request.form.getlist("ours"), strict=False) if row[0]]
        problem = _problem(rows, ours)
        if not problem:
            changed, gone = keys.set_mapping(services(), current_actor(), account_id, table, dict(rows))
            say(f"已保存{TABLES[table]}：新增或修改 {changed} 条，删除 {gone} 条；几秒后生效。")
            return see_other(url_for("system.his_account", account_id=account_id))
    return page(
        "system/his_mapping.html",
        422 if problem else 200,
        account=account,
        title=TABLES[table],
        rows=[*sorted(rows), *[("", "")] * BLANK_ROWS],
        ours=ours,
        problem=problem,
    )


@system.route("/his-accounts/<int:account_id>/copy-mappings", methods=["GET", "POST"])
@requires(Permission.HIS_EDIT, within="system.his_accounts")
def copy_his_mappings(account_id: int) -> Response:
    """Take over the mapping tables of another account: choose it, look at what would change, copy."""
    with services().database.read() as connection:
        account = queries.his_account(connection, current_staff().unit_id, account_id)
        others = queries.other_his_accounts(connection, current_staff().unit_id, account_id)
        source_id = request.values.get("source", 0, type=row_id)
        chosen = source_id if source_id in others else 0
        rows = keys.to_take_over(connection, current_actor(), account_id, chosen) if chosen else []
    if request.method == "POST" and chosen:
        count = keys.take_over(services(), current_actor(), account_id, chosen)
        say(f"已从 {others[chosen]} 复制对照 {count} 条，几秒后生效。")
        return see_other(url_for("system.his_account", account_id=account_id))
    words = {table: _our_codes(table) for table in {row.table for row in rows}}
    return page(
        "system/his_mappings_copied.html",
        title=f"复制对照到 {account.appid}",
        account=account,
        others=others,
        chosen=chosen,
        rows=rows,
        tables=TABLES,
        words=words,
    )


def _problem(rows: list[tuple[str, str]], ours: Mapping[str, str]) -> str:
    codes = [code for code, _ in rows]
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        return f"HIS 编码 {'、'.join(twice)} 填写了两次，请只保留一行。"
    if missing := sorted(code for code, our in rows if our not in ours):
        return f"HIS 编码 {'、'.join(missing)} 没有选择平台编码。"
    return ""
