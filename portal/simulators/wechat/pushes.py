"""Pushes of the simulated WeChat, encrypted and signed as its contract says."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
import time
from base64 import b64decode, b64encode

import httpx
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from portal.core.platform_settings import WeChatAccount
from portal.demo.accounts import DEMO_MINI


def encrypted(account: WeChatAccount, text: str) -> str:
    """Encrypt a message: the value of ``Encrypt``."""
    key = b64decode(account.aes_key + "=")
    plain = secrets.token_bytes(16) + struct.pack(">I", len(text.encode())) + text.encode() + account.appid.encode()
    pad = 32 - len(plain) % 32
    work = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return b64encode(work.update(plain + bytes((pad,)) * pad) + work.finalize()).decode()


def signature(*parts: str) -> str:
    """Sign: SHA-1 over the sorted parts."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def query(account: WeChatAccount, encrypt: str, stamp: int | None = None, nonce: str = "") -> dict[str, str]:
    """Make the query of a push in safe mode."""
    moment, nonce = str(stamp or int(time.time())), nonce or secrets.token_hex(5)
    return {
        "signature": signature(account.token, moment, nonce),
        "timestamp": moment,
        "nonce": nonce,
        "encrypt_type": "aes",
        "msg_signature": signature(account.token, moment, nonce, encrypt),
    }


def event(openid: str, name: str, fields: str) -> str:
    """Write an event as XML; ``fields`` is its further content."""
    return (
        f"<xml><ToUserName><![CDATA[gh_demo]]></ToUserName><FromUserName><![CDATA[{openid}]]></FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        f"<Event><![CDATA[{name}]]></Event>{fields}</xml>"
    )


def told(account: WeChatAccount, openid: str, name: str, given: list[dict[str, str]] | dict[str, str]) -> str:
    """Write a subscription event with its list: XML for an official account, JSON for the mini-program."""
    if account.appid == DEMO_MINI.appid:
        head = {"ToUserName": "gh_demo", "FromUserName": openid, "CreateTime": int(time.time()), "MsgType": "event"}
        return json.dumps(head | {"Event": name, "List": given}, ensure_ascii=False)
    box = "".join(part.capitalize() for part in name.split("_"))
    rows = given if isinstance(given, list) else [given]
    texts = ("".join(f"<{key}><![CDATA[{value}]]></{key}>" for key, value in row.items()) for row in rows)
    return event(openid, name, f"<{box}>{''.join(f'<List>{text}</List>' for text in texts)}</{box}>")


def push(address: str, account: WeChatAccount, text: str) -> int:
    """Push a message, up to three times as WeChat does; returns the last HTTP status, 0 without an answer."""
    status = 0
    for _ in range(3):
        encrypt = encrypted(account, text)
        body = f"<xml><ToUserName><![CDATA[gh_demo]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"
        if text.startswith("{"):
            body = json.dumps({"ToUserName": "gh_demo", "Encrypt": encrypt})
        try:
            headers = {"Content-Type": "application/json" if text.startswith("{") else "text/xml"}
            wanted = query(account, encrypt)
            answer = httpx.post(
                address, params=wanted, content=body.encode(), headers=headers, timeout=5, trust_env=False
            )
        except httpx.HTTPError:
            continue
        status = answer.status_code
        if status == 200:
            break
    return status
