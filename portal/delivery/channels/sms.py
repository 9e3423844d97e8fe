"""Text messages: bill notices to the phone that the HIS has on file, notices to persons, one-time codes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select

from portal.access import parameters
from portal.access.parameters import Parameter
from portal.core.services import Services
from portal.core.settings import Settings
from portal.delivery.engine.channel import CODES, FOR_EVER, PAUSES, Channel, Family, Message, Target
from portal.domain.identity import is_phone
from portal.domain.money import yuan
from portal.domain.states.delivery import Accepted, Arrived, Bug, Config, Later, NotSent, Purpose, Result
from portal.domain.states.standing import Standing
from portal.ledger import vouchers
from portal.models.tables import BILL_PARTY
from portal.providers import sms
from portal.providers.clients import Providers
from portal.retrieval.proof import codes

TITLES = {"sms": "短信", CODES: "短信验证码"}
parameters.declare(
    Parameter("delivery.sms", "交付", "短信", "是否使用短信渠道", "flag", True),
    Parameter(
        "delivery.sms-link", "交付", "短信带取票链接", "短信里放票据页面的链接；运营商模板须含链接前缀", "flag", True
    ),
    Parameter(
        "delivery.join-minutes",
        "交付",
        "同次就诊合并短信",
        "同一患者同一天、同一手机，在一条短信后这么多分钟内开的票据不再单发，由同一链接打开；0 为每张一条",
        "count",
        240,
        most=1440,
    ),
    Parameter("delivery.sms-amount", "交付", "短信带金额", "短信里写出票据金额", "flag", False),
)

TEMPLATES = {Purpose.REVERSED: "reversed", Purpose.READY: "bill"}
"""The approved template of a purpose; the other purposes about a bill say that the bill is there."""

SAID = {
    Standing.VALID: "已开具",
    Standing.WAITING: "已开具，待财政监制",
    Standing.REFUSED: "正由医院处理",
    Standing.EXCHANGED: "已换开纸质，报销用纸质",
    Standing.BOOKED: "已由单位入账",
    Standing.REVERSED: "已冲红，不能报销",
    Standing.RED: "是红票，仅作冲销凭证",
}
"""What a bill is good for, after its name; short, since operators bound what a parameter may hold."""


def told_of(message: Message, amount: bool) -> str:
    """Return what a text message says of its bill or bills: kind, with ``amount`` the sum, and what it is good for;
    of vouchers what has become of them."""
    if message.target.kind == "voucher":
        sum_of = f"{yuan(message.total_fen)}元" if amount and not message.joined else ""
        return f"{f'{1 + message.joined}张' if message.joined else ''}{message.document}{sum_of}{message.news}"
    if message.joined:
        return f"{1 + message.joined}张票据{'' if message.purpose is Purpose.REVERSED else '已开具'}"
    named = f"{message.what}票据"
    if amount:
        named += f"{yuan(message.total_fen)}元"
    return named if message.purpose is Purpose.REVERSED else named + SAID[message.standing]


_LIMITED_AFTER = 30.0
"""Seconds until a code is tried again that the gateway found too frequent for its phone."""


def phone_of(services: Services, connection: Connection, target: Target) -> str:
    """Read the phone of the payer of a bill or voucher; ``""`` when there is none or it is no mobile number."""
    if target.kind == "voucher":
        voucher = vouchers.by_id(connection, target.unit_id, target.object_id)
        phone = "" if voucher is None else vouchers.phone(services, connection, voucher)
    else:
        sealed = connection.scalar(select(BILL_PARTY.c.phone).where(BILL_PARTY.c.bill_id == target.object_id))
        phone = services.cipher.decrypt_text("bill_party.phone", target.object_id, sealed) if sealed else ""
    return phone if is_phone(phone) else ""


class Sms:
    """The gateway of our own contract, which remembers ``out_id`` for good: a repeat is one message."""

    name = "sms"
    title = "短信"
    setting = "delivery.sms"
    provider = "gateway"
    disturbs = True
    receipt_within: timedelta | None = None
    remembers: float = FOR_EVER
    once_more = False
    pauses: tuple[float, ...] = PAUSES
    template_decides = False
    """Whether the approved text alone decides if there is a link, whatever the unit has set."""

    def __init__(self, settings: Settings, client: sms.SmsClient | None = None) -> None:
        self.account = settings.sms_app_id
        self.provider = settings.sms_provider
        self._client = client or sms.client(settings)

    def recipient(self, services: Services, connection: Connection, target: Target) -> str:
        """Read the phone on file; messages about anything but a bill or voucher name theirs when they are opened."""
        return phone_of(services, connection, target) if target.kind in ("bill", "voucher") else ""

    def send(self, services: Services, message: Message) -> Result:
        """Send one message by its template, or by that of its purpose; of the payer it has the masked name."""
        if message.template:
            return self._client.send(message.recipient, message.template, dict(message.params), message.ref)
        with services.database.read() as connection:
            settings = parameters.values(connection, message.target.unit_id)
        # Operators refuse links inside variables: the address before a token is part of the approved text.
        params = {
            "hospital": message.hospital,
            sms.STOP: message.stop_link.rpartition("/")[2],
            "payer": message.payer,
            "day": f"{message.day.month}月{message.day.day}日",
            "what": told_of(message, settings["delivery.sms-amount"]),
        }
        if self.template_decides or settings["delivery.sms-link"]:
            params["token"] = message.own_link.rpartition("/")[2]
        template = TEMPLATES.get(message.purpose, "bill") if message.target.kind == "bill" else "bill"
        return self._client.send(message.recipient, template, params, message.ref)


class CloudSms(Sms):
    """A cloud, which forgets our number but sends receipts: asked before anything is repeated."""

    receipt_within: timedelta | None = timedelta(hours=72)
    remembers: float = 0.0
    template_decides = True

    def find(self, services: Services, message: Message) -> Result | None:
        """Whether it has the message."""
        client = self._client
        if not isinstance(client, sms.AskableSmsClient):
            raise TypeError("this provider cannot be asked")
        return client.find(message.recipient, message.ref, message.first_at)


def channel_of(settings: Settings, client: sms.SmsClient) -> Sms:
    """Make the channel that fits the client: of a provider that remembers our number, or of a cloud."""
    return (Sms if client.remembers else CloudSms)(settings, client)


class CodeSms(Sms):
    """One-time codes, in a lane of their own. What is not sent within minutes is of no use any more.

    Nothing stops the channel for good: a person who waits asks for a new code, and the next one is tried afresh.
    """

    name = CODES
    title = "短信验证码"
    setting = "delivery.code"
    """No such parameter: codes are never off."""
    disturbs = False
    pauses: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0)

    def __init__(self, settings: Settings, client: sms.SmsClient | None = None) -> None:
        super().__init__(settings, client)
        self.remembers = FOR_EVER if self._client.remembers else 0.0  # rather a new code than the same one twice

    def send(self, services: Services, message: Message) -> Result:
        """Send one code, and forget it once the gateway has it."""
        result = super().send(services, message)
        match result:
            case Accepted() | Arrived():
                with services.database.write() as connection:
                    codes.forget(connection, message.target.object_id)
            case Later(_, reason, code):
                return NotSent(reason, _LIMITED_AFTER, code)
            case Config(reason, code):
                return Bug("account", code, reason)
        return result


def channels(services: Services, providers: Providers) -> list[Channel | Family]:
    """Build both channels when a gateway is set up."""
    settings = services.settings
    return [channel_of(settings, providers.sms), CodeSms(settings, providers.sms)] if settings.sms else []
