"""The database is away or takes no writes: a HIS and people are told so and when to come again; then all goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from portal.app import create_app
from portal.demo.settings import DemoSettings
from tests.support.his import His, outpatient

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def switch(settings: DemoSettings, postgresql_server: str) -> Iterator[SimpleNamespace]:
    """What an operator can do to the database."""
    name = settings.database.rpartition("/")[2]
    administrator = create_engine(postgresql_server.replace("postgresql://", "postgresql+psycopg://"))
    made = administrator.execution_options(isolation_level="AUTOCOMMIT")

    def run(*statements: str) -> None:
        with made.connect() as connection:
            for one in statements:
                connection.execute(text(one))

    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    yield SimpleNamespace(
        away=lambda: run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", cut),
        back=lambda: run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"),
        read_only=lambda: run(f"ALTER DATABASE {name} SET default_transaction_read_only = on", cut),
        writable=lambda: run(f"ALTER DATABASE {name} RESET default_transaction_read_only"),
    )
    administrator.dispose()


def pages(app: Flask) -> dict[str, int]:
    """The status of a page of each kind; a 503 says when to come again and nothing of its inside."""
    found = {}
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for address in ("/h/pgzx/bills", f"/b/A{'a' * 22}", "/console/home", "/readyz"):
        client = app.test_client()
        for name in ("qp_session", "qp_staff"):
            client.set_cookie(name, "x" * 43)
        answer = client.get(address)
        found[address] = answer.status_code
        if answer.status_code == 503 and address != "/readyz":
            assert (
                answer.headers["Retry-After"] == "5"
                and "psycopg" not in answer.text
                and "系统暂时不能用" in answer.text
            )
    return found


@ON_POSTGRESQL
def test_while_the_database_is_away_everybody_is_told(app: Flask, his: His, switch: SimpleNamespace) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("BEFORE")).ok
    switch.away()
    answer = his.call("invoiceEBillOutpatient", outpatient("WHILE"))
    assert answer.result == "E9001", "signed with the account's own key, or the HIS of the tests would not read it"
    assert set(pages(app).values()) == {503}
    switch.back()
    assert his.call("invoiceEBillOutpatient", outpatient("WHILE")).ok
    assert 503 not in pages(app).values(), "at once, and without a restart"


@ON_POSTGRESQL
def test_a_database_that_takes_no_writes_counts_as_away(app: Flask, his: His, switch: SimpleNamespace) -> None:
    assert his.call("invoiceEBillOutpatient", outpatient("BEFORE")).ok
    switch.read_only()
    assert [his.call("invoiceEBillOutpatient", outpatient(f"WHILE{n}")).result for n in range(3)] == ["E9001"] * 3
    ready = app.test_client().get("/readyz")
    assert (ready.status_code, ready.json) == (503, {"status": "database read-only"})
    switch.writable()
    assert his.call("invoiceEBillOutpatient", outpatient("WHILE0")).ok, "the pool has let the old connections go"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_before_anything_fails(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_000_000))
    assert (client.get("/readyz").status_code, client.get("/readyz").json) == (503, {"status": "disk full"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_redis_that_hangs_is_left_alone(settings: DemoSettings) -> None:
    """Whoever does not answer is asked once; the limits hold meanwhile, counted in the database."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        made = create_app(settings.model_copy(update={"redis_url": url}))
        limits = made.extensions["qupiao"].limits
        asked: list[int] = []
        whole = limits._memory._client.connection_pool.get_connection
        limits._memory._client.connection_pool.get_connection = lambda *a, **k: asked.append(1) or whole(*a, **k)
        assert [limits.hit("some", 3, 900) for _ in range(5)] == [True, True, True, False, False]
        assert len(asked) == 1
        made.extensions["qupiao"].services.database.engine.dispose()
