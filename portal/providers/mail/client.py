"""The client of the mail server: one e-mail over SMTP, and what its answers mean."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from portal.core.settings import Settings
from portal.domain.states.delivery import Accepted, Bug, Config, Never, NotSent, Result, Unknown
from portal.providers.calls import Calls


class MailClient:
    """One mail server as the settings name it; ``domain`` is the name by which we greet it.

    Safe for many threads: each e-mail has a connection of its own.
    """

    def __init__(self, settings: Settings, domain: str) -> None:
        self._settings = settings
        self._domain = domain
        self._calls = Calls("mail")

    def send(self, mail: EmailMessage, recipient: str, pause: float) -> Result:
        """Hand over an e-mail. ``pause``: seconds to wait when the recipient's domain takes no more at present."""
        with self._calls.measure("send") as call:
            result = self._hand_over(mail, recipient, pause)
            call.ended(result)
        return result

    def _hand_over(self, mail: EmailMessage, recipient: str, pause: float) -> Result:
        """Speak SMTP step by step, since what a time-out means depends on whether the text was on its way."""
        settings, sent = self._settings, False
        host, _, port = settings.smtp.rpartition(":")
        context = ssl.create_default_context()
        try:
            timeout = settings.smtp_timeout
            if settings.smtp_security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(host, int(port), self._domain, timeout=timeout, context=context)
            else:
                server = smtplib.SMTP(host, int(port), self._domain, timeout=timeout)
            with server:
                if settings.smtp_security == "starttls":
                    server.starttls(context=context)
                if settings.smtp_user:
                    server.login(settings.smtp_user, settings.smtp_password)
                server.ehlo_or_helo_if_needed()
                refused = _refused("sender", *server.mail(settings.mail_bounce or settings.mail_from))
                refused = refused or _refused("recipient", *server.rcpt(recipient))
                if isinstance(refused, NotSent) and refused.code.startswith("45"):
                    # That domain's limit, told through our server: it is well, and other domains are not to wait.
                    refused = NotSent(refused.reason, pause, refused.code)
                if refused is not None:
                    return refused
                sent = True
                code, text = server.data(mail.as_bytes())
                return _refused("content", code, text) or Accepted(str(mail["Message-ID"]))
        except smtplib.SMTPAuthenticationError as error:
            return Config("邮件服务器拒绝登录", str(error.smtp_code))
        except smtplib.SMTPNotSupportedError:
            return Config("邮件服务器不支持所设的加密或登录方式")
        except (ssl.SSLCertVerificationError, smtplib.SMTPHeloError) as error:
            return Config(f"邮件服务器不可信或不接受连接：{type(error).__name__}")
        except (smtplib.SMTPException, OSError) as error:
            return Unknown(type(error).__name__, "DATA") if sent else NotSent(type(error).__name__)


def _refused(stage: str, code: int, _text: bytes) -> Result | None:
    """Return the outcome of an SMTP answer; ``None`` when it went on. Its text may quote an address."""
    if 200 <= code < 400:
        return None
    if not 200 <= code < 600:  # cut short, or no SMTP at all
        reason = "邮件服务器应答不完整"
        return Unknown(reason, "HALF_ANSWER") if stage == "content" else NotSent(reason)
    if 400 <= code < 500:
        return NotSent(f"邮件服务器暂不接收（{stage}）", code=str(code))
    if stage == "recipient" and code in (550, 551, 552, 553, 554):
        return Never("收件邮箱不存在或已满", str(code))
    if stage == "content" and code == 552:
        return Never("邮件过大或收件邮箱已满", str(code))
    if stage == "content":
        return Bug("content", str(code), "邮件内容被拒收")
    return Config(f"邮件服务器拒绝（{stage}）", str(code))
