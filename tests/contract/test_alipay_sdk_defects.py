"""Every defect of python-alipay-sdk that was measured: our client does not have it."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.clock import SHANGHAI, now
from portal.demo.accounts import DEMO_ALIPAY_APP
from portal.demo.alipay_keys import ensure_demo_keys
from portal.providers.alipay.account import AlipayAccount
from portal.providers.alipay.client import AlipayGateway
from portal.providers.alipay.library import AliPay
from portal.providers.alipay.reading import pem, top_level
from portal.providers.faults import ChannelFault, FaultKind
from tests.support import platforms
from tests.support.platforms import ALIPAY_USER
from tests.support.processes.simulators import Simulators, running_simulators

ROOT = Path(__file__).resolve().parents[2]
VALUES = ["演示市人民医院", "门诊", "128.50元", "2026-11-24"]
METHOD = "alipay.open.app.mini.templatemessage.send"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("alipay")) as simulators:
        yield simulators


class Bench:
    """One simulator without faults and a client."""

    def __init__(self, simulators: Simulators) -> None:
        self.simulators = simulators
        simulators.faults("alipay")
        self.client = platforms.alipay(simulators)

    def send(self, values: list[str] | None = None) -> None:
        self.client.send_mini("open_id", ALIPAY_USER, "DEMO-ALIPAY-BILL", "pages/list/list", values or VALUES)

    def fault(self, **switches: int) -> ChannelFault:
        on = {name: {"probability": 1, "count": 1, "value": value} for name, value in switches.items()}
        self.simulators.faults("alipay", **on)
        with pytest.raises(ChannelFault) as caught:
            self.send()
        return caught.value

    def arrived(self) -> int:
        return len(self.simulators.get("/alipay/messages"))


@pytest.fixture
def bench(process: Simulators) -> Bench:
    return Bench(process)


def posts_the_body(bench: Bench) -> None:
    """850 kB pass and are verified, because nothing travels in the address."""
    content = {"filler": "甲" * 280_000}
    with pytest.raises(ChannelFault) as caught:
        bench.client.call("alipay.no.such.method", content)
    assert (caught.value.code, caught.value.kind) == ("isv.invalid-method", FaultKind.BUG), "past the signature check"


def one_family_of_errors(bench: Bench) -> None:
    """HTTP errors, lost and half answers, web pages, refused connections."""
    for switch in ("down", "html", "half_answer", "answer_lost"):
        assert bench.fault(**{switch: 0}).kind is FaultKind.UNKNOWN
    keys = ensure_demo_keys(bench.simulators.data_dir)
    nowhere = AlipayGateway(
        "http://127.0.0.1:9/", AlipayAccount(DEMO_ALIPAY_APP, keys.app_private, keys.alipay_public), 1
    )
    with pytest.raises(ChannelFault) as caught:
        nowhere.call(METHOD)
    assert caught.value.kind is FaultKind.RETRY


def business_failures_are_raised(bench: Bench) -> None:
    """40004 is signed and looks like an answer; it is a fault, with its code."""
    before = bench.arrived()
    fault = bench.fault(business_error=0)
    assert (fault.kind, fault.code) == (FaultKind.RETRY, "SYSTEM_ERROR")
    answers = {("40004", "USER_NOT_SUBSCRIBE"): FaultKind.USER, ("40004", "FORM_ID_USED"): FaultKind.NEVER}
    answers |= {("40004", "PUB.MSG_TEMPLATE_NOT_EXIST"): FaultKind.CONFIG, ("40005", ""): FaultKind.LATER}
    for (code, sub_code), kind in answers.items():
        bench.simulators.post("/alipay/script", {METHOD: [[code, sub_code]]})
        refused = bench.fault()
        assert (refused.kind, refused.code) == (kind, sub_code or code)
    assert bench.arrived() == before


def gateway_errors_keep_their_code(bench: Bench) -> None:
    """``error_response``: the code is told, not the whole body."""
    fault = bench.fault(error_response=0)
    assert (fault.kind, fault.code) == (FaultKind.UNKNOWN, "isp.unknow-error")
    assert "{" not in str(fault)


def neither_node_is_unknown(bench: Bench) -> None:
    """An answer of another method, an empty object, a list: UNKNOWN instead of AttributeError."""
    import requests

    for body in (
        b"{}",
        b"[]",
        b'{"other_response":{"code":"10000"},"sign":"x"}',
        b"null",
        b'{"a":1,"a":2}',
        b"[" * 99999,
    ):
        answer = requests.Response()
        answer.status_code, answer._content = 200, body
        with pytest.raises(ChannelFault) as caught:
            bench.client._read(METHOD, answer)
        assert caught.value.kind is FaultKind.UNKNOWN


def braces_in_texts_verify(bench: Bench) -> None:
    """One unbalanced brace inside a value: the genuine answer verifies. The library calls it forged."""
    bench.simulators.faults("alipay", braces={"probability": 1, "count": 1})
    before = bench.arrived()
    bench.send()
    assert bench.arrived() == before + 1
    text = '{"x_response":{"a":"} {{"},"sign":"s"}'
    assert top_level(text)["x_response"] == '{"a":"} {{"}'
    keys = ensure_demo_keys(bench.simulators.data_dir)
    plain = AliPay(DEMO_ALIPAY_APP, None, keys.app_private, keys.alipay_public)
    assert plain._get_string_to_be_signed(text, "x_response") != '{"a":"} {{"}'


def unsigned_answers_prove_nothing(bench: Bench) -> None:
    """Success without a signature, or with a wrong one, is UNKNOWN."""
    for switch in ("no_sign", "wrong_sign"):
        fault = bench.fault(**{switch: 0})
        assert (fault.kind, fault.code) == (FaultKind.UNKNOWN, "unsigned")


def values_of_any_type(bench: Bench) -> None:
    """int, bool, list, None and Decimal are written as JSON; Chinese stays Chinese."""
    content = {"a": 1, "b": True, "c": [1, None], "d": Decimal("128.50"), "e": "票"}
    form = parse_qs(bench.client.form("m", content, flag=True, number=3, nothing=None).decode())
    assert form["biz_content"] == ['{"a":1,"b":true,"c":[1,null],"d":"128.50","e":"票"}']
    assert (form["flag"], form["number"], form["nothing"]) == (["true"], ["3"], ["null"])


def time_is_beijing(bench: Bench) -> None:
    """Whatever the process's zone is."""
    sent = parse_qs(bench.client.form("m").decode())["timestamp"][0]
    moment = datetime.strptime(sent, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI)
    assert abs(now() - moment) < timedelta(seconds=30)


def bare_keys_load(bench: Bench) -> None:
    """The Base64 of Alipay's key tool, in one line or wrapped."""
    keys = ensure_demo_keys(bench.simulators.data_dir)
    private = serialization.load_pem_private_key(keys.app_private.encode(), None)
    der, form = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    bare = b64encode(private.private_bytes(der, form, serialization.NoEncryption())).decode()
    public = b64encode(private.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)).decode()
    assert pem(f"{bare[:64]}\n{bare[64:]}", private=True).strip() == keys.app_private.strip()
    assert pem(public, private=False).strip() == keys.app_public.strip()
    with pytest.raises(ValueError):
        pem("no key", private=True)


def pushes_of_both_kinds_verify(bench: Bench) -> None:
    """``sign_type`` is signed text in messages and is none in notifies."""
    keys = ensure_demo_keys(bench.simulators.data_dir)
    theirs = AliPay(DEMO_ALIPAY_APP, None, keys.alipay_private, keys.alipay_public)
    values = {"a": "1", "notify_id": "n", "sign_type": "RSA2"}
    message = values | {"sign": theirs._sign("a=1&notify_id=n&sign_type=RSA2")}
    notify = values | {"sign": theirs._sign("a=1&notify_id=n")}
    assert bench.client.verified(message, keep_sign_type=True)
    assert bench.client.verified(notify, keep_sign_type=False)
    assert not bench.client.verified(message, keep_sign_type=False)
    assert not bench.client.verified(notify | {"a": "2"}, keep_sign_type=False)
    assert not bench.client.verified(values | {"sign": "no base64"}, keep_sign_type=False)


def logging_stays_as_it_was(bench: Bench) -> None:
    """Importing it neither closes handlers nor adds one; tried in a fresh process."""
    program = (
        "import logging, sys, io\n"
        "stream = io.StringIO(); logging.basicConfig(stream=stream, level=logging.DEBUG)\n"
        "before = list(logging.getLogger().handlers)\n"
        "import portal.providers.alipay.library\n"
        "own = logging.getLogger('python-alipay-sdk')\n"
        "logging.getLogger('x').info('still here'); own.debug('secret')\n"
        "good = logging.getLogger().handlers == before and 'still here' in stream.getvalue()\n"
        "sys.exit(0 if good and 'secret' not in stream.getvalue() and own.level == logging.WARNING else 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, env=dict(os.environ), check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert not any(type(one) is logging.StreamHandler for one in logging.getLogger("python-alipay-sdk").handlers)


def faults_unpickle_and_hold_nothing(bench: Bench) -> None:
    """As those of WeChat."""
    fault = bench.fault(answer_lost=0)
    assert str(pickle.loads(pickle.dumps(fault))) == str(fault)
    assert fault.__context__ is None and ALIPAY_USER not in f"{fault!r}"


def the_timeout_is_ours(bench: Bench) -> None:
    """15 s fixed in some of the library's clients; ours is a setting."""
    client = platforms.alipay(bench.simulators, timeout=0.2)
    bench.simulators.faults("alipay", slow={"probability": 1, "count": 1, "value": 2000})
    with pytest.raises(ChannelFault) as caught:
        client.call(METHOD)
    assert caught.value.text == "ReadTimeout"


DEFECTS = (
    posts_the_body,
    one_family_of_errors,
    business_failures_are_raised,
    gateway_errors_keep_their_code,
    neither_node_is_unknown,
    braces_in_texts_verify,
    unsigned_answers_prove_nothing,
    values_of_any_type,
    time_is_beijing,
    bare_keys_load,
    pushes_of_both_kinds_verify,
    logging_stays_as_it_was,
    faults_unpickle_and_hold_nothing,
    the_timeout_is_ours,
)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.__name__)
def test_our_client_has_it_not(bench: Bench, defect: Callable[[Bench], None]) -> None:
    defect(bench)


def test_messages_arrive_and_strangers_keys_do_not(bench: Bench, tmp_path: Path) -> None:
    before = bench.arrived()
    bench.send()
    assert bench.arrived() == before + 1
    newest = bench.simulators.get("/alipay/messages")[0]
    assert [newest["data"][f"keyword{number}"]["value"] for number in range(1, 5)] == VALUES
    keys, others = ensure_demo_keys(bench.simulators.data_dir), ensure_demo_keys(tmp_path)
    url = bench.simulators.url("/alipay/gateway.do")
    stranger = AlipayGateway(url, AlipayAccount(DEMO_ALIPAY_APP, others.app_private, keys.alipay_public))
    with pytest.raises(ChannelFault) as caught:
        stranger.call(METHOD)
    assert (caught.value.kind, caught.value.code) == (FaultKind.CONFIG, "isv.invalid-signature")


@given(st.dictionaries(st.text(max_size=8), st.recursive(st.text() | st.integers(), st.lists, max_leaves=4)))
@settings(max_examples=50)
def test_members_are_found_as_they_stand(whole: dict[str, object]) -> None:
    """Whatever the strings hold, each member's characters are exactly those that were written."""
    text = json.dumps(whole, ensure_ascii=False)
    found = top_level(text)
    assert {name: json.loads(value) for name, value in found.items()} == whole
    assert all(value in text for value in found.values())
