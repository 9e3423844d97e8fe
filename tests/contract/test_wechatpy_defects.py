"""Every defect of wechatpy that was measured: our client does not have it."""

from __future__ import annotations

import io
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import redis
from wechatpy.client import WeChatClient

from portal.demo.accounts import DEMO_WECHAT
from portal.providers.faults import ChannelFault, FaultKind
from portal.providers.wechat.client import WeChat
from portal.providers.wechat.tokens import Tokens
from tests.support import platforms
from tests.support.platforms import DATA, FOLLOWER, STRANGER
from tests.support.processes.simulators import Simulators, running_simulators

SEND = "cgi-bin/message/template/send"
TOKEN = "cgi-bin/stable_token"
PDF = b"%PDF-1.7\n" + b"x" * 70_000 + b"\n%%EOF\n"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulators]:
    with running_simulators(tmp_path_factory.mktemp("wechat")) as simulators:
        yield simulators


class Bench:
    """One simulator without faults, a client with fresh tokens, and what was called since."""

    def __init__(self, simulators: Simulators, folder: Path) -> None:
        self.simulators, self.folder = simulators, folder
        simulators.faults("wechat")
        simulators.post("/wechat/script", {})
        simulators.post("/wechat/state", {"token_seconds": 7200, "revoke": True})
        self.tokens = platforms.tokens(platforms.sqlite_url(folder))
        self.client = platforms.wechat(simulators, self.tokens)
        self._before = simulators.get("/wechat/calls")

    def calls(self, path: str) -> int:
        return int(self.simulators.get("/wechat/calls").get(path, 0)) - int(self._before.get(path, 0))

    def send(self, client: WeChat | None = None, our_id: str = "") -> str:
        return (client or self.client).send_template(FOLLOWER, "DEMO-TEMPLATE-BILL", DATA, "https://x.invalid/", our_id)

    def refused(self, act: Callable[[], object]) -> ChannelFault:
        with pytest.raises(ChannelFault) as caught:
            act()
        return caught.value


@pytest.fixture
def bench(process: Simulators, tmp_path: Path) -> Bench:
    return Bench(process, tmp_path)


def stable_token_only(bench: Bench) -> None:
    """The old endpoint, which kills a token shared with others, is never called."""
    bench.send()
    bench.client.ticket("wx_card")
    assert (bench.calls("cgi-bin/token"), bench.calls(TOKEN)) == (0, 1)


def expiry_is_shared(bench: Bench) -> None:
    """A second process uses the token of the first, and the one that a third renewed."""
    others = [platforms.wechat(bench.simulators, platforms.tokens(platforms.sqlite_url(bench.folder))) for _ in "ab"]
    for client in (bench.client, *others):
        bench.send(client)
    bench.simulators.post("/wechat/state", {"revoke": True})
    for client in (others[0], bench.client, others[1]):
        bench.send(client)
    assert bench.calls(TOKEN) == 2


def refused_for_ever_ends(bench: Bench) -> None:
    """A server that keeps saying 40001: one retry, three calls in all, then CONFIG. The library made 972."""
    bench.simulators.post("/wechat/script", {SEND: [40001] * 10})
    assert bench.refused(bench.send).kind is FaultKind.CONFIG
    assert (bench.calls(SEND), bench.calls(TOKEN)) == (2, 2)


def pdf_is_whole_after_a_retry(bench: Bench) -> None:
    """An open file is sent whole again after the token was renewed. The library sent an empty one."""
    bench.simulators.post("/wechat/script", {"card/invoice/platform/setpdf": [42001]})
    media_id = bench.client.invoice.upload_pdf(io.BytesIO(PDF))
    assert bench.calls("card/invoice/platform/setpdf") == 2
    assert httpx.get(bench.simulators.url(f"/wechat/pdf/{media_id}"), trust_env=False).content == PDF


def token_fetch_times_out(bench: Bench) -> None:
    """The time-out holds for the token too; nothing was sent, so the same may simply be sent again."""
    client = platforms.wechat(bench.simulators, bench.tokens, timeout=0.2)
    bench.simulators.faults("wechat", slow={"probability": 1, "count": 1, "value": 2000})
    fault = bench.refused(lambda: bench.send(client))
    assert (fault.kind, fault.code, fault.text) == (FaultKind.RETRY, "network", "ReadTimeout")
    for switch in ("html", "half_answer", "down"):
        bench.simulators.faults("wechat", **{switch: {"probability": 1, "count": 1}})
        assert bench.refused(bench.send).kind is FaultKind.RETRY
    assert bench.calls(SEND) == 0


def html_is_no_success(bench: Bench) -> None:
    """An answer that is not a JSON object is UNKNOWN."""
    bench.send()
    for switch in ("html", "half_answer"):
        bench.simulators.faults("wechat", **{switch: {"probability": 1, "count": 1}})
        assert bench.refused(bench.send).kind is FaultKind.UNKNOWN


def one_family_of_errors(bench: Bench) -> None:
    """Network, 5xx and refusals are all ChannelFault, each of its class."""
    bench.send()
    bench.simulators.faults("wechat", down={"probability": 1, "count": 1})
    assert bench.refused(bench.send).kind is FaultKind.UNKNOWN
    bench.simulators.faults("wechat", answer_lost={"probability": 1, "count": 1})
    assert bench.refused(bench.send).kind is FaultKind.UNKNOWN
    nowhere = WeChat(DEMO_WECHAT, bench.tokens, "http://127.0.0.1:9", 1.0)
    assert bench.refused(lambda: bench.send(nowhere)).kind is FaultKind.RETRY
    answers = {
        43004: FaultKind.NEVER,
        45009: FaultKind.LATER,
        40037: FaultKind.CONFIG,
        47003: FaultKind.BUG,
        -1: FaultKind.RETRY,
    }
    for code, kind in answers.items():
        bench.simulators.post("/wechat/script", {SEND: [code]})
        fault = bench.refused(bench.send)
        assert (fault.kind, fault.code) == (kind, str(code))
    bench.simulators.post("/wechat/script", {SEND: [45009]})
    assert 0 < (bench.refused(bench.send).after or 0) <= 86_700  # the next day in Beijing


def faults_unpickle(bench: Bench) -> None:
    """Every fault survives a queue."""
    bench.simulators.faults("wechat", down={"probability": 1, "count": 1})
    fault = bench.refused(bench.send)
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.kind) == (str(fault), fault.kind)


def faults_hold_no_secret(bench: Bench) -> None:
    """Neither text nor context of a fault holds token or secret."""
    bench.send()
    token = bench.client.access_token
    for switch in ("down", "html", "answer_lost", "busy"):
        bench.simulators.faults("wechat", **{switch: {"probability": 1, "count": 1}})
        fault = bench.refused(bench.send)
        told = f"{fault!r} {fault} {fault.__dict__} {fault.__context__!r} {fault.__cause__!r}"
        assert fault.__context__ is None
        assert token not in told and DEMO_WECHAT.secret not in told
    assert DEMO_WECHAT.secret not in repr(DEMO_WECHAT)


def nothing_secret_is_logged(bench: Bench) -> None:
    """At any level, of any library."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    level, quiet = root.level, logging.getLogger("urllib3").level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        bench.send()
        bench.simulators.post("/wechat/script", {SEND: [40001]})
        bench.send()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.getLogger("urllib3").setLevel(quiet)
    assert bench.client.access_token not in stream.getvalue()
    assert DEMO_WECHAT.secret not in stream.getvalue()


def tickets_expire(bench: Bench) -> None:
    """A ticket is shared, and renewed when it is over; its end stands beside it."""
    first = bench.client.ticket("wx_card")
    assert bench.client.ticket("wx_card") == first
    bench.tokens.forget(f"wechat:{DEMO_WECHAT.appid}:ticket:wx_card")
    assert bench.client.ticket("wx_card") != first
    assert bench.calls("cgi-bin/ticket/getticket") == 2


def login_needs_no_token(bench: Bench) -> None:
    """A log-in code is redeemed without fetching a token for it."""
    mini = platforms.mini(bench.simulators, bench.tokens)
    code = bench.simulators.post("/wechat/codes", {"kind": "login", "openid": platforms.MINI_USER})["code"]
    assert mini.login(code) == platforms.MINI_USER
    assert bench.refused(lambda: mini.login(code)).kind is FaultKind.USER
    assert bench.calls(TOKEN) == 0


def repeats_are_one_message(bench: Bench) -> None:
    """``client_msg_id``, which the library's method lacks."""
    assert bench.send(our_id="delivery-1") == bench.send(our_id="delivery-1")
    assert [
        row["attempts"] for row in bench.simulators.get("/wechat/messages") if row["client_id"] == "delivery-1"
    ] == [2]


def the_stranger_is_never_reached(bench: Bench) -> None:
    """43004 ends it for this person only."""
    fault = bench.refused(
        lambda: bench.client.send_template(STRANGER, "DEMO-TEMPLATE-BILL", DATA, "https://x.invalid/", "s")
    )
    assert fault.kind is FaultKind.NEVER


DEFECTS = (
    stable_token_only,
    expiry_is_shared,
    refused_for_ever_ends,
    pdf_is_whole_after_a_retry,
    token_fetch_times_out,
    html_is_no_success,
    one_family_of_errors,
    faults_unpickle,
    faults_hold_no_secret,
    nothing_secret_is_logged,
    tickets_expire,
    login_needs_no_token,
    repeats_are_one_message,
    the_stranger_is_never_reached,
)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.__name__)
def test_our_client_has_it_not(bench: Bench, defect: Callable[[Bench], None]) -> None:
    defect(bench)


def test_the_library_alone_has_them(bench: Bench) -> None:
    """The simulator shows the difference: the plain library asks the old endpoint and takes HTML for success."""
    plain = WeChatClient(DEMO_WECHAT.appid, DEMO_WECHAT.secret, auto_retry=False)
    plain._http = bench.client._http
    plain.message.send_template(FOLLOWER, "DEMO-TEMPLATE-BILL", {"thing1": {"value": "甲"}})
    assert bench.calls("cgi-bin/token") == 1
    bench.simulators.faults("wechat", html={"probability": 1, "count": 1})
    assert plain.message.send_template(FOLLOWER, "DEMO-TEMPLATE-BILL", {"thing1": {"value": "甲"}}).status_code == 200


def storm(bench: Bench, shared: list[Tokens], rounds: int = 3) -> int:
    """Eight workers find their token void at the same moment, several times; returns how often one was fetched."""
    bench.simulators.post("/wechat/state", {"revoke": True})
    clients = [platforms.wechat(bench.simulators, one) for one in shared]
    barrier = threading.Barrier(len(clients))

    def work(number: int) -> None:
        for turn in range(rounds):
            if barrier.wait(30) == 0:
                bench.simulators.post("/wechat/state", {"revoke": True})
            barrier.wait(30)
            for message in range(3):
                bench.send(clients[number], our_id=f"{id(clients)}-{number}-{turn}-{message}")

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(work, range(len(clients))))
    return bench.calls(TOKEN)


@pytest.mark.parametrize("place", ["sqlite", "postgresql", "redis"])
def test_eight_workers_fetch_one_token_an_expiry(bench: Bench, place: str, request: pytest.FixtureRequest) -> None:
    """Three expiries: three fetches, and every message arrived."""
    url, redis_url = platforms.sqlite_url(bench.folder), ""
    if place == "postgresql":
        url = request.getfixturevalue("postgresql_server")
    elif place == "redis":
        redis_url = request.getfixturevalue("redis_url")
    shared = [platforms.tokens(url, redis_url) for _ in range(8)]
    shared[0].forget(f"wechat:{DEMO_WECHAT.appid}:token")
    assert storm(bench, shared) <= 3
    if place == "redis":
        with redis.Redis.from_url(redis_url) as client:
            kept = client.get(f"qupiao:token:wechat:{DEMO_WECHAT.appid}:token")
            assert isinstance(kept, bytes) and bench.client.access_token.encode() not in kept, "sealed there too"


def test_without_the_lock_they_fetch_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive control of the storm."""
    monkeypatch.setattr(Tokens, "_lease", lambda *_: True)
    bench.simulators.faults("wechat", slow={"probability": 1, "value": 60})
    assert storm(bench, [platforms.tokens(platforms.sqlite_url(bench.folder)) for _ in range(8)], rounds=1) > 1


def test_redis_away_is_the_database(bench: Bench) -> None:
    """A Redis that does not answer costs nothing but its time-out."""
    shared = platforms.tokens(platforms.sqlite_url(bench.folder), "redis://127.0.0.1:9/0")
    bench.send(platforms.wechat(bench.simulators, shared))
    assert bench.calls(TOKEN) == 1
