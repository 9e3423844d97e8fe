"""A delivery worker as a process of its own, with short pauses; tests fork it and kill it without warning."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

from portal.app import create_app
from portal.core.services import Services
from portal.delivery import channels, jobs
from portal.delivery.cards import orders
from portal.delivery.cards.worker import CardDesk
from portal.delivery.engine.deliveries import SEND_TOPIC
from portal.delivery.engine.driver import Engine
from portal.delivery.push import targets
from portal.demo.settings import DemoSettings
from portal.outbox.lanes import Lane
from portal.outbox.worker import Worker
from tests.support.processes.forks import Forked


def work(environment: Mapping[str, str], lanes: tuple[str, ...], scale: float) -> None:
    """Deliver over the channels ``lanes``, and make cards, until killed; every pause is shortened to ``scale``."""
    os.environ.update(environment)
    services = create_app(DemoSettings()).extensions["qupiao"].services
    made = [Lane(name, (f"{SEND_TOPIC}{name}",), 3) for name in lanes]
    made.append(Lane("cards", (orders.WORK_TOPIC,), 3))
    targets.adopt(services)
    providers = channels.channels(services)
    for one in providers:
        one.pauses = (5.0,) * len(one.pauses)  # a provider that fails six times would be waited for half an hour
    handlers = jobs.with_engine(Engine(providers, scale)) | CardDesk(services).handlers()
    Worker(services, handlers, threads=1, lease=60.0 * scale, lanes=made).run(threading.Event())


def start(services: Services, lanes: tuple[str, ...], scale: float, timeout: float) -> Forked:
    """One worker process with these settings, which waits ``timeout`` seconds for providers where that can be set."""
    settings = services.settings
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "QUPIAO_SMS_URL": settings.sms_url,
        "QUPIAO_PUSH_URL": settings.push_url,
        "QUPIAO_WECHAT_URL": settings.wechat_url,
        "QUPIAO_WECHAT_TIMEOUT": str(timeout),
        "QUPIAO_ALIPAY_GATEWAY": settings.alipay_gateway,
        "QUPIAO_ALIPAY_KEY_FILE": str(settings.alipay_key_file),
        "QUPIAO_ALIPAY_PUBLIC_FILE": str(settings.alipay_public_file),
        "QUPIAO_ALIPAY_TIMEOUT": str(timeout),
        "QUPIAO_SMTP_HOST": settings.smtp_host,
        "QUPIAO_SMTP_TLS": "none",
        "QUPIAO_SMTP_TIMEOUT": str(timeout),
        "PGAPPNAME": "delivery-worker",
    }
    return Forked(work, (environment, lanes, scale))
