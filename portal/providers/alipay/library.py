"""Imports python-alipay-sdk without letting it configure the process's logging (delivery-channels §12.2)."""

from __future__ import annotations

import logging
import logging.config
from typing import Any


def _load() -> Any:
    real = logging.config.dictConfig
    logging.config.dictConfig = lambda *_: None  # it would add a DEBUG console handler
    try:
        import alipay
    finally:
        logging.config.dictConfig = real
    logger = logging.getLogger("python-alipay-sdk")
    logger.setLevel(logging.WARNING)
    logger.addHandler(logging.NullHandler())
    return alipay


AliPay: Any = _load().AliPay
