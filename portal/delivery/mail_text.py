"""Words of an e-mail about a bill: subject and paragraphs, said as plain text and as HTML.

What the bill is good for is said as it is when the mail leaves: somebody takes the attachment to their employer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from portal.delivery.engine.channel import Message
from portal.domain.money import yuan
from portal.domain.states.delivery import Purpose
from portal.domain.states.standing import Standing


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, which may end in a link."""

    text: str
    link: str = ""


STANDING = {
    Standing.VALID: "可以用于报销。",
    Standing.WAITING: "财政还没有监制完，现在的文件带有“待监制”字样，还不能报销；请过几分钟再到取票页面取一次。",
    Standing.REFUSED: "财政没有通过这张票据，医院正在处理，现在不能报销。",
    Standing.EXCHANGED: "这张票据已打印成纸质，报销请用那张纸质票据。",
    Standing.BOOKED: "这张票据已由单位入账，不能再次报销。",
    Standing.REVERSED: "这张票据已作废（冲红），请勿再用于报销。",
    Standing.RED: "这是一张作废凭证（红票），不用管它，不能报销。",
}
"""What a bill is good for, in a sentence."""
FACE_ALONE = (
    "附件只有票面，没有费用清单和数据文件（XML）。需要的，请在取票页面用证件号或手机号加短信验证码查一次，"
    "再下载或发到邮箱。"
)
"""How to get what such a PDF lacks: the data file holds the whole ID number, which no message carries unasked."""
_VOUCHER = "预交金凭证不能报销；出院结算后另开票据。"


def subject(message: Message) -> str:
    """Return the subject: hospital, kind, and what the bill is good for unless it is simply good; no amount."""
    if message.document:
        return f"{message.hospital}{message.document}{message.news}"
    standing = _standing(message)
    more = "" if standing is Standing.VALID else f"（{standing.title}）"
    return f"{message.hospital}{message.what}电子票据{more}"


def paragraphs(message: Message, attached: bool) -> Sequence[Paragraph]:
    """Return what a mail says; ``attached``: it has the PDF and no link."""
    what = f"{message.hospital} {message.day:%Y-%m-%d} {message.what}费用 {yuan(message.total_fen)} 元"
    standing, said = STANDING[_standing(message)], []
    if message.document:
        what = f"{message.hospital} {message.day:%Y-%m-%d} {message.document} {yuan(message.total_fen)} 元"
        said = [Paragraph(f"{what} {message.news}。{_VOUCHER}")]
        said.append(Paragraph("打开链接并填写患者姓名后查看余额、下载凭证：", message.link))
    elif attached:
        said = [Paragraph(f"{what} 的医疗电子票据见附件（PDF）。"), Paragraph(standing)]
        said.append(Paragraph("附件里有个人信息，请只交给需要报销的单位。" if message.whole else FACE_ALONE))
    else:
        said = [Paragraph(f"{what} 的医疗电子票据：{standing}")]
        said.append(Paragraph("打开链接并填写姓名后查看、下载（7 天内有效）：", message.link))
    return (
        *said,
        Paragraph(_contact(message)),
        Paragraph("不是您的票据？请告诉我们，不再向此邮箱发送：", message.stop_link),
        Paragraph("此邮件由系统发送，请勿回复。"),
    )


def _standing(message: Message) -> Standing:
    return Standing.REVERSED if message.purpose is Purpose.REVERSED else message.standing


def _contact(message: Message) -> str:
    desk = message.desk
    place = f"{message.hospital}{desk.place or '收费窗口'}"
    if not desk.phone:
        return f"有疑问请到{place}询问。"
    return f"有疑问请到{place}，或拨打电话 {desk.phone}{f'（{desk.hours}）' if desk.hours else ''}。"


def plain(said: Sequence[Paragraph]) -> str:
    """Write paragraphs as plain text."""
    return "\n\n".join(one.text + one.link for one in said) + "\n"


def html(said: Sequence[Paragraph]) -> str:
    """Write paragraphs as HTML that loads nothing from anywhere."""
    body = Markup("").join(
        Markup("<p>{}{}</p>\n").format(one.text, Markup('<a href="{0}">{0}</a>').format(one.link) if one.link else "")
        for one in said
    )
    head = Markup('<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8"></head>\n')
    style = "font-size:16px;line-height:1.6;max-width:36em;margin:0 auto;padding:1em"
    return str(head + Markup('<body style="{}">\n{}</body></html>\n').format(style, body))
