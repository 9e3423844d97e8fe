"""The patients' main path in English: hospital code, look-up, code, list, bill, its list lines, a link, refusals.

One catalogue, Chinese text → English, asked through Jinja's own gettext functions (``_("…")`` in templates, the filter
``said`` for what comes from code). The wish is a cookie; a page of :data:`PAGES` is then in English, any other stays
Chinese and says so. The bill's face and the names on it are Chinese by law. A test finds a text without its English.
"""

from __future__ import annotations

from datetime import datetime

from flask import g, request
from jinja2 import Environment
from markupsafe import Markup

from portal.core.clock import local
from portal.domain.documents.settlement import Scene
from portal.domain.identity import Kind

COOKIE = "qp_english"
PAGES = frozenset(f"{name}.html" for name in ("home", "find", "code", "list", "bill", "details", "link", "error"))
"""Templates that are in English as a whole, with what they include."""

_BASE = {
    "电子票据": "Medical e-bills",
    "演示": "Demo",
    "标准版": "Normal type",
    "大字版": "Large type",
    "遇到困难请到%(place)s，或拨 <span>%(phone)s</span>（<span>%(hours)s</span>）": (
        "Need help? Go to %(place)s or call <span>%(phone)s</span> (<span>%(hours)s</span>)"
    ),
    "演示数据：医院、人物、票据均为虚构，不能报销": (
        "Demo data: hospital, people and bills are invented and cannot be reimbursed"
    ),
    "收费窗口": "the cashier’s window",
    "微信": "WeChat",
    "支付宝": "Alipay",
    "。": ".",
}
_LOOK_UP = {
    "选择医院": "Choose your hospital",
    "还没有登记医院。请管理员先完成安装。": "No hospital is here yet. The administrator must finish the set-up.",
    "查我的票据": "Find my bills",
    "您已通过验证。": "You are already verified.",
    "继续看我的票据": "Go on to my bills",
    "证件号、手机号、卡号或取票码": "Number of ID, phone or card, or fetch code (取票码)",
    "身份证、港澳台通行证、护照、手机、医保卡、就诊卡、社保卡都可以，我们会自己认出来。": (
        "Passport, ID card, travel permit, phone, insurance card or clinic card: we recognise which it is."
    ),
    "患者姓名": "Patient’s name",
    "下一步": "Next",
    "验证码会发到医院登记的手机；填取票码的不用验证码。": (
        "A code goes to the phone that the hospital has on file; with a fetch code none is needed."
    ),
    "手上有告知单？": "Have you got a paper slip?",
    (
        "用手机扫告知单上的二维码，只要填姓名就能打开那一张票，不用验证码。"
        "替家人取，单子不在手上：在上面填单上的取票码（QP 开头）和患者姓名。"
    ): (
        "Scan the QR code on it: the name alone opens that bill, without a code. To fetch a bill for a relative whose "
        "slip is not at hand, type its fetch code (取票码, begins with QP) and the patient’s name above."
    ),
    "为什么没有我的票": "Why is my bill not here?",
    "查看窗口的答复": "Read the answer of the window",
    "查验一张票据（不用登录）": "Verify a bill (no log-in)",
    "这是不是本院的网页": "Is this the hospital’s own page?",
    (
        '看一眼网址：以 <b class="address">%(address)s</b> 开头的才是本院。'
        "不一样就不要填写，请告诉窗口工作人员。本页不收费，不要银行卡号和密码。"
    ): (
        'Look at the address: only one that begins with <b class="address">%(address)s</b> is ours. If it is another, '
        "type nothing and tell the staff at the window. This page takes no money and asks for no bank card or password."
    ),
    "单位取票（团检等）": "For companies (group check-ups)",
    "我们怎样保护您的信息": "How we protect you",
    "验证码只发到您在医院登记的手机。查询的号码不会出现在网址里，离开一刻钟后自动退出。": (
        "The code is sent only to the phone that you gave the hospital. Nothing that you type stands in the address, "
        "and you are signed out a quarter of an hour after you leave."
    ),
    "请填写完整的号码和患者姓名，两项都需要。": "Please fill in both the whole number and the patient’s name.",
    "取票码或姓名不对，或者取票码已经用过。请核对告知单，或用证件号查询。": (
        "The fetch code or the name is not right, or the code has been used. Check the slip, or search by your ID."
    ),
    "填写验证码": "Type the code",
    "填写短信验证码": "Type the code from the text message",
    "按%(kind)s查询。": "Searching by %(kind)s.",
    "如果号码、姓名与医院登记的一致，6 位验证码已经发到登记的手机，5 分钟内有效。": (
        "If number and name are as the hospital has them, a code of 6 digits has been sent to the phone on file. "
        "It is good for 5 minutes."
    ),
    "验证码": "Code",
    "看我的票据": "Show my bills",
    "没有收到？": "No message?",
    (
        "等 1 分钟再看看短信。手机换了号码、或没有在医院登记过手机的，"
        "请带证件到%(place)s更新，或用告知单上的二维码打开票据。"
    ): (
        "Wait a minute and look again. If your number has changed, or the hospital has none, bring your ID to "
        "%(place)s, or open the bill by the QR code on your slip."
    ),
    "重新填写": "Start again",
    "验证码填错、已过期或已用过。请核对短信，或重新获取验证码。": (
        "The code is wrong, too old or used. Check the message, or ask for a new code."
    ),
    Kind.ID_CARD.title: "ID card",
    Kind.RESIDENCE.title: "permanent residence card",
    Kind.HONG_KONG_MACAU.title: "Hong Kong or Macau travel permit",
    Kind.TAIWAN.title: "Taiwan travel permit",
    Kind.PASSPORT.title: "passport",
    Kind.PHONE.title: "phone number",
    Kind.CARD.title: "insurance, clinic or social security card",
    "卡号。如果填的是身份证，它的最后一位对不上，请核对": (
        "card number. If it is meant to be an ID number, its last character does not fit: please check"
    ),
}
_LIST = {
    "我的票据": "My bills",
    "%(name)s 的票据（%(title)s）": "Bills of %(name)s (%(title)s)",
    "%(name)s 的票据": "Bills of %(name)s",
    "监护的孩子": "child in your care",
    "授权代取": "by consent",
    "这一年没有票据。": "No bills in this year.",
    "还没有查到票据。刚缴完费的，通常几秒钟后就会出现，请稍后刷新；仍没有的看“为什么没有我的票”。": (
        "No bills yet. Just after paying it takes a few seconds: reload the page. If there is still none, see "
        "“Why is my bill not here?”."
    ),
    "年份": "Years",
    "%(year)s 年 · %(count)s 张": "%(year)s · %(count)s bills",
    "%(day)s就诊": "Visit of %(day)s",
    "本次就诊共 %(count)s 张": "%(count)s bills of this visit",
    "医保付 %(insured)s，您付 %(own)s": "Insurance paid %(insured)s, you paid %(own)s",
    "%(sum)s 元": "¥ %(sum)s",
    "我的通知": "My messages",
    "（%(count)s 条新的）": " (%(count)s new)",
    "回到我的票据": "Back to my bills",
    "报销包（一次下载）": "Package for reimbursement (one download)",
    "%(year)s 年自己付了多少": "What I paid myself in %(year)s",
    "家人的票据、代取授权": "Bills of my family, consent",
    "开票后用%(app)s告诉我": "Tell me of new bills in %(app)s",
    "给窗口看（二维码）": "Show at the window (QR code)",
    "这里只有用告知单打开的票据。": "Here are only the bills that you opened by a slip.",
    "用证件号查全部票据": "Find all my bills by ID",
    "看完了，退出": "Done, sign out",
    "红票": "Reversal",
    "可报销": "Ready",
    "已冲红": "Reversed",
    "医院处理中": "On hold",
    "财政处理中": "Pending",
    Scene.REGISTRATION.charged: "Registration",
    Scene.OUTPATIENT.charged: "Outpatient",
    Scene.EMERGENCY.charged: "Emergency",
    Scene.CHRONIC.charged: "Chronic care",
    Scene.CHECKUP.charged: "Check-up",
    Scene.IMMUNISATION.charged: "Vaccination",
    Scene.INPATIENT.charged: "Hospital stay",
    Scene.DEALING.charged: "Deposit or collection",
    Scene.DONATION.charged: "Donation",
}
_BILL = {
    "%(scene)s票据": "%(scene)s bill",
    "这是红票，冲销 <b>%(sum)s</b> 元的原票。": "This is a reversal: it cancels a bill of <b>¥ %(sum)s</b>.",
    '原票 <span class="mono">%(number)s</span> 已作废，不能报销。红票只作冲销凭证。': (
        'Bill <span class="mono">%(number)s</span> is void and cannot be reimbursed. The reversal only proves that.'
    ),
    "看原票": "See the reversed bill",
    "这次一共 <b>%(sum)s</b> 元，": "In total <b>¥ %(sum)s</b>.",
    "医保付了 <b>%(sum)s</b> 元，": "Insurance paid <b>¥ %(sum)s</b>, ",
    "没有用医保，": "Without insurance: ",
    "您付了 <b>%(sum)s</b> 元。": "you paid <b>¥ %(sum)s</b>.",
    "这张票已冲红（作废），不能报销。": "This bill has been reversed (is void) and cannot be reimbursed.",
    "<s>原票 %(number)s</s> 作废": "<s>Bill %(number)s</s> void",
    '红票 <span class="mono">%(number)s</span> 冲销': 'Reversed by <span class="mono">%(number)s</span>',
    "新票 %(number)s，报销请用这一张": "New bill %(number)s: use this one for reimbursement",
    "现在有效的票：%(sum)s 元": "The bill that counts now: ¥ %(sum)s",
    "若重新开了票，请看列表里的另一张。": "If a new bill was made out, it is another one in your list.",
    "财政没有通过这张票，医院正在处理。请稍后再来，或到收费窗口询问。": (
        "The finance bureau has not passed this bill and the hospital is dealing with it. Come back later, or ask at "
        "the cashier’s window."
    ),
    "财政正在监制，通常几分钟内完成。现在下载的文件带有“待监制”字样，完成后请重新下载再去报销。": (
        "The finance bureau is still to sign this bill, mostly within minutes. A file downloaded now is marked "
        "“待监制” (pending): download it again afterwards before you hand it in."
    ),
    (
        '已换开纸质票据，编号 <span class="mono">%(number)s</span>。'
        "报销请用这张纸质票据；要再打印请带它到收费窗口重新换开。"
    ): (
        'Exchanged for paper bill <span class="mono">%(number)s</span>. Use the paper for reimbursement; to have it '
        "printed again, bring it to the cashier’s window."
    ),
    "更正申请：": "Correction asked for: ",
    "存到手机（换浏览器打开）": "Save (open in another browser)",
    "存到手机（PDF）": "Save (PDF)",
    "发到邮箱": "Send by e-mail",
    "看费用清单": "List of services",
    "读给我听": "Read aloud",
    "这张票到哪一步了": "Where this bill stands",
    "已开具": "Issued",
    "监制未通过": "Refused",
    "已监制": "Signed by finance",
    "待监制": "To be signed",
    "已送达": "Delivered",
    "已发出": "Sent",
    "正在送": "On its way",
    "没送到": "Not delivered",
    "待送达": "To be delivered",
    "已查验": "Verified",
    "有人在本站查验过 %(count)s 次，最近一次 %(at)s。": "Verified here %(count)s times, last on %(at)s.",
    "未查验": "Not verified",
    "已入账": "Booked",
    "部分入账": "Partly booked",
    "未入账": "Not booked",
    "送到哪里了": "Where it was sent",
    "票面": "The bill",
    "%(title)s票面，金额 %(sum)s 元": "Picture of the bill, ¥ %(sum)s",
    "%(app)s里存不了 PDF，可以长按上面的图片保存（图片供查看，报销请用 PDF）。": (
        "%(app)s cannot save a PDF. Press long on the picture to save it for viewing; for reimbursement use the PDF."
    ),
    "长按图片也可以保存。": "A long press on the picture saves it as well.",
    "收费项目": "Charges",
    "合计（元）": "Total (¥)",
    "查验要素": "Details for verification",
    "票据代码": "Bill code",
    "票据号码": "Bill number",
    "校验码": "Check code",
    "开票日期": "Date of issue",
    "金额（元）": "Amount (¥)",
    "交款人": "Payer",
    "钱是怎么付的": "How it was paid",
    "医保统筹基金": "Insurance fund",
    "个人账户": "Personal insurance account",
    "其他支付": "Other funds",
    "您自己付的": "Paid by you",
    "其中个人自付": "of it co-payment",
    "其中个人自费": "of it not insured",
    "个人自付：医保范围内、按规定由个人承担的部分。个人自费：不在医保范围内的部分。": (
        "Co-payment (个人自付): your share of what insurance covers. Not insured (个人自费): what it does not cover."
    ),
    "还能在哪里取、在哪里查验": "Where else to get and verify it",
    "票据写错了": "Something is wrong on the bill",
    "作废旧的取票链接": "End old links to this bill",
    "放入微信、支付宝卡包": "Put into the WeChat or Alipay card pack",
    "下载数据文件（XML，带签名）": "Download the signed data file (XML)",
    "费用清单": "List of services",
    "合计 %(sum)s 元": "total ¥ %(sum)s",
    "医院没有随这张票上传明细清单。需要的请到%(place)s打印。": (
        "The hospital has sent no list with this bill. You can have it printed at %(place)s."
    ),
    "回到这张票": "Back to the bill",
}
_LINK = {
    "打开票据": "Open a bill",
    "医院": "Hospital",
    "日期": "Date",
    "状态": "State",
    "打开这张票": "Open this bill",
    "交款人姓名（全名）或取票码": "Payer’s full name, or fetch code (取票码)",
    "只为确认是您本人或家人在取票。取票码印在告知单“家人代取”一行，用一次。": (
        "Only to be sure that you or your family fetch it. The fetch code stands on the slip and is good once."
    ),
    "查我的全部票据": "Find all my bills",
    "不是我的票": "This is not my bill",
    "姓名与票据上的交款人不一致。请核对后再试，或到收费窗口查询。": (
        "The name is not that of the bill’s payer. Check it and try again, or ask at the cashier’s window."
    ),
}
_REFUSALS = {
    "重新查询": "Search again",
    "没有查到可以显示的票据": "No bill to show",
    "可能还在开具中，或者填写的号码、姓名与医院登记的不一致": (
        "It may still be in the making, or number and name are not as the hospital has them"
    ),
    "请核对后再试，或带证件到收费窗口查询": "Check and try again, or bring your ID to the cashier’s window",
    "操作太频繁": "Too many tries",
    "为保护个人信息，短时间内尝试次数有限": "To protect personal data, tries within a short time are limited",
    "请{minutes}分钟后再试，或到收费窗口办理": "Try again in {minutes} minutes, or go to the cashier’s window",
    "这个取票链接打不开": "This link does not open",
    "链接不完整、已失效或已作废": "It is incomplete, too old or was ended",
    "请重新扫码，或到收费窗口补打告知单": "Scan again, or have a new slip printed at the cashier’s window",
    "未查询到票据": "No such bill",
    "没有与所给要素一致的票据": "No bill fits what was given",
    "请核对票据代码、号码、校验码或业务流水号": "Check bill code, number and check code",
    "需要重新验证": "Please verify yourself again",
    "为保护隐私，验证结果只保留一段时间": "To protect you, we remember only for a while who you are",
    "请重新填写": "Start again",
    "请求无法识别": "The request was not understood",
    "页面没有看懂这次请求": "The page could not make sense of it",
    "请返回上一页重试，或到收费窗口查询": "Go back and try again, or ask at the cashier’s window",
    "系统出错": "Something broke on our side",
    "内部错误，编号 {request_id}": "Internal error, number {request_id}",
    "数据没有改动；请稍后重试，仍不行请把编号告诉平台管理员": (
        "No data were changed; try again later, and if it still fails tell the hospital this number"
    ),
}
TEXTS: dict[str, str] = _BASE | _LOOK_UP | _LIST | _BILL | _LINK | _REFUSALS
"""The catalogue. Placeholders are those of the Chinese text."""


def wanted() -> bool:
    """Whether this browser has asked for English."""
    return request.cookies.get(COOKIE) == "1"


def said(text: str) -> str:
    """A text in the language of the page that is being made; one without English stays as it is."""
    return TEXTS.get(text, text) if g.get("english") else text


def chinese(text: str) -> str:
    """A Chinese name, marked as such inside an English sentence (WCAG 3.1.2)."""
    return Markup('<span lang="zh-CN">{}</span>').format(text) if text and g.get("english") else text


def said_kind(kind: str) -> str:
    """The words of :func:`portal.domain.identity.spoken_kind` in the page's language."""
    return " or ".join(map(said, kind.split("或"))) if g.get("english") else kind


def spoken_day(moment: datetime) -> str:
    """``11 月 18 日``, or ``2026-11-18`` on an English page."""
    moment = local(moment)
    return f"{moment:%Y-%m-%d}" if g.get("english") else f"{moment.month} 月 {moment.day} 日"


FILTERS = {"said": said, "said_kind": said_kind, "zh": chinese, "spoken_day": spoken_day}


def prepare(jinja: Environment) -> None:
    """Give an application's templates the gettext functions; texts of other audiences pass as they are."""
    jinja.add_extension("jinja2.ext.i18n")
    callables = {"gettext": said, "ngettext": lambda one, many, count: said(one if count == 1 else many)}
    jinja.install_gettext_callables(**callables, newstyle=True)  # type: ignore[attr-defined]  # the extension's
