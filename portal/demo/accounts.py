"""The accounts of the invented hospital at its HIS, at WeChat and at Alipay, which the simulators know too."""

from __future__ import annotations

from portal.core.platform_settings import WeChatAccount

UNIT_CODE = "pgzx"
"""The hospital's code, as in its address ``/h/pgzx``."""
DEMO_APPID = "QPDEMO0000001"
DEMO_KEY = "0123456789abcdef0123456789"
"""The HIS account that signs settlements."""
DEMO_WECHAT = WeChatAccount(
    "wxdemo0000service",
    "demo-secret-of-the-service-account",
    "demoCallbackToken",
    "ZGVtbyBlbmNvZGluZyBBRVMga2V5IDMyIGJ5dGVzISE",
)
DEMO_MINI = WeChatAccount(
    "wxdemo0000miniapp",
    "demo-secret-of-the-mini-program",
    "demoMiniToken",
    "ZGVtbyBrZXkgb2YgdGhlIG1pbmktcHJvZ3JhbSAzMiE",
)
DEMO_BUREAU = WeChatAccount("wxdemo0000bureau", "demo-secret-of-the-finance-bureau")
DEMO_ALIPAY_APP = "2099000000000001"
DEMO_CARD_PLATFORM = "d3hkZW1vX3BhcHBpZA"
DEMO_CARD = "pDEMOcard0000000000000000001"
DEMO_TEMPLATES = {
    "wechat_template": "DEMO-TEMPLATE-BILL",
    "wechat_subscription": "DEMO-SUBSCRIPTION-BILL",
    "mini_subscription": "DEMO-MINI-BILL",
    "alipay_life_template": "",
    "alipay_mini_template": "DEMO-ALIPAY-BILL",
}
"""Message templates; a life account is for hospitals that have one already, so this one has none."""
