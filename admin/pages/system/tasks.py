"""停下的任务: background work that waits for a person, with its reason, and doing it again."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request, url_for

from admin.kit.groups import system
from admin.kit.listing import respond
from admin.kit.page import say
from admin.kit.security import current_actor, requires
from admin.pages.delivery.targets import titles as channel_titles
from portal.access import stopped_tasks as stopped
from portal.access.permissions import Permission
from portal.listing.columns import Column
from portal.listing.filters import Filter, moment_filters
from portal.listing.lists import ListPage
from portal.models.tables import OUTBOX_TASK
from portal.web.edge import see_other, services
from portal.web.numbers import row_ids

SENDING = "delivery.send."
TITLES: Mapping[str, str] = {
    "audit.seal": "日志入链",
    "batch.issue": "批量开具",
    "bill.bookings": "查询入账状态",
    "bill.issued": "开票后的办理（旧版）",
    "bill.issued/delivery": "开票后通知患者",
    "bill.issued/finance": "上传财政",
    "bill.reversed": "冲红后的办理（旧版）",
    "bill.reversed/cards": "冲红后撤销卡包",
    "bill.reversed/delivery": "冲红后通知患者",
    "bill.supervised": "监制后的办理（旧版）",
    "bill.supervised/delivery": "监制后通知患者",
    "bills.check": "核对票据与签名文件",
    "card.cancel": "撤销卡包中的票",
    "card.sweep": "清点卡包订单",
    "card.watch": "查看卡包状态",
    "card.work": "放入卡包",
    "clean": "清理到期数据",
    "delivery.next": "换下一个渠道发送",
    "delivery.sweep": "清点发送",
    "family.told": "代取查看的通知",
    "finance.sheets": "向财政报告纸质票",
    "finance.void": "向财政报告作废",
    "inbox.arrived": "处理平台消息",
    "paper.exchanged": "换开后的办理（旧版）",
    "paper.exchanged/delivery": "换开后通知患者",
    "request.answered": "答复患者申请",
    "sms.code": "发送验证码",
    "stock.application": "上报票据申领",
    "stock.application.withdraw": "撤销票据申领",
    "stock.poll": "查询财政下发",
    "stock.receipt": "告知财政入库结果",
    "stock.reconcile": "与财政核对库存",
    "stock.return": "上报票据申退",
    "stock.watch": "检查库存预警",
    "phone.changed": "手机号变化的通知",
    "voucher.cancelled": "撤销凭证后的办理",
    "voucher.cancelled/delivery": "撤销凭证后通知患者",
    "voucher.consumed": "凭证扣款后的办理",
    "voucher.consumed/delivery": "凭证扣款后通知患者",
    "voucher.issued": "收预交金后的办理",
    "voucher.issued/delivery": "收预交金后通知患者",
    "voucher.refunded": "退预交金后的办理",
    "voucher.refunded/delivery": "退预交金后通知患者",
    "watch.look": "检查等待中的链接",
    "watch.tell": "提醒等待中的链接",
}
"""Topic → what the task does, in the words of the menus."""


def title(topic: str) -> str:
    """Return what a task of a topic does; the bare topic where nobody has named it."""
    if topic.startswith(SENDING):
        channel = topic.removeprefix(SENDING)
        return f"发送（{channel_titles().get(channel, channel)}）"
    return TITLES.get(topic, topic)


def _topics() -> Mapping[str, str]:
    with services().database.read() as connection:
        return {topic: title(topic) for topic in stopped.topics(connection)}


TASKS = ListPage(
    name="stopped-tasks",
    title="停下的任务",
    order=stopped.NEWEST,
    columns=(
        Column("finished_at", "停下时间", "time"),
        Column("topic", "事项", value=lambda row: title(row.topic)),
        Column("last_error", "原因", "long"),
        Column("attempts", "尝试次数", "count"),
        Column("created_at", "开始时间", "time"),
        Column("key", "编号", "number", shown=False),
    ),
    filters=(
        *moment_filters(OUTBOX_TASK.c.finished_at, title="停下日期从"),
        Filter("topic", "事项", stopped.of_topic, "choice", choices=_topics),
    ),
    empty="没有停下的任务。后台任务办不成、需要人处理时会停在这里，写明原因；处理后重新办理即可。",
)


@system.get("/tasks")
@requires(Permission.SYSTEM_WATCH, menu="停下的任务", order=35)
def tasks() -> Response:
    """List the stopped tasks of every kind, the last first."""
    return respond(TASKS, stopped.stopped(), "system/tasks.html", topic=request.args.get("topic", ""))


@system.post("/tasks/again")
@requires(Permission.SYSTEM_OPERATE, within="system.tasks")
def tasks_again() -> Response:
    """Do the chosen tasks again, or all of a kind."""
    topic = request.form.get("topic", "")
    if "all" in request.form and topic:
        count = stopped.all_again(services(), current_actor(), topic)
    else:
        count = stopped.again(services(), current_actor(), row_ids(request.form.getlist("task")))
    say(
        f"已重新办理 {count} 项，几秒后刷新可看到结果；原因没有消除的会再停下来。"
        if count
        else "没有选择要重新办理的任务。",
        "success" if count else "warning",
    )
    return see_other(url_for("system.tasks"))
