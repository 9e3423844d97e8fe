"""Wiring: builds the extensions, opens keys and database, registers every blueprint with its authentication."""

from __future__ import annotations

import logging
import secrets
import sys

import structlog
from flask import Flask, Response, g, request
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from structlog.tracebacks import ExceptionDictTransformer
from werkzeug.exceptions import HTTPException

from admin import wiring as console
from admin.kit.guard import refused as console_refused
from portal import background
from portal.access import attempts
from portal.blueprints.callbacks.alipay import alipay as alipay_callbacks
from portal.blueprints.callbacks.push import push_callback
from portal.blueprints.callbacks.receipts import callbacks
from portal.blueprints.callbacks.wechat import wechat as wechat_callbacks
from portal.blueprints.health import health
from portal.blueprints.his.views import his
from portal.blueprints.kiosk.views import kiosk
from portal.blueprints.mini import openapi
from portal.blueprints.mini.wiring import failed as mini_failed
from portal.blueprints.mini.wiring import mini
from portal.blueprints.mini.wiring import refused as mini_refused
from portal.blueprints.patient.refusals import refused as patient_refused
from portal.blueprints.patient.wiring import broken, http_error, patient, patient_cards
from portal.core.crypto.cms import FileSigner
from portal.core.database import Database, configure, engine_options, is_away
from portal.core.required import NotReady
from portal.core.services import Services
from portal.core.settings import Settings
from portal.domain.errors import Refusal
from portal.hospital import units
from portal.models.objects import db
from portal.rendering.pdf import fonts
from portal.runtime import Runtime
from portal.web import gateway, headers
from portal.web.clean_address import redirect_untidy
from portal.web.cookies import FormSessions
from portal.web.edge import KEY, RowId
from portal.web.proxies import TrustedProxies
from portal.web.typed_request import TypedRequest

csrf = CSRFProtect()
log = structlog.get_logger("qupiao.app")

BLUEPRINTS = (
    (his, "his-signature"),
    (patient, "patient-session"),
    (patient_cards, "patient-session"),
    (mini, "mini-session"),
    (kiosk, "device-token"),
    (wechat_callbacks, "platform-signature"),
    (alipay_callbacks, "platform-signature"),
    (push_callback, "platform-signature"),
    (callbacks, "secret-path"),
    (health, "none"),
    *console.BLUEPRINTS,
)
"""Every blueprint and how its callers prove who they are; a structure test refuses one that is not listed."""

WITHOUT_COOKIE = {"his-signature", "mini-session", "platform-signature", "secret-path"}
"""Authentications that no browser gives by itself: a foreign page cannot forge such a call, so it needs no token."""


def create_app(settings: Settings | None = None) -> Flask:
    """Build the web application of one installation.

    Raises NotReady for missing or invented settings and seals, CryptoError and FontMissing.
    """
    settings = settings or Settings()
    _refuse_unready(settings)
    configure_logging(settings.log_level)
    app = Flask("portal")
    app.request_class = TypedRequest
    _configure(app, settings)
    db.init_app(app)
    csrf.init_app(app)
    Bootstrap5(app)
    with app.app_context():
        services = build_services(settings, Database(configure(db.engine)))
    units.check_seals(services)
    app.extensions[KEY] = Runtime(services)
    app.secret_key = services.keyring.derive("flask/1")
    app.extensions["qupiao_blueprint_auth"] = {"bootstrap": "none"} | {one.name: auth for one, auth in BLUEPRINTS}
    console.prepare(app)
    for blueprint, authentication in BLUEPRINTS:
        app.register_blueprint(blueprint)
        if authentication in WITHOUT_COOKIE:
            csrf.exempt(blueprint)
    app.register_error_handler(HTTPException, _failed)
    app.register_error_handler(500, _failed)
    app.register_error_handler(SQLAlchemyError, _database_failed)
    app.before_request(_name_request)
    app.before_request(redirect_untidy)
    app.after_request(headers.finish)
    return app


def build_services(settings: Settings, database: Database) -> Services:
    """Open keys, certificate and fonts, and connect the events; the same for web, worker and command line.

    Raises NotReady, which names everything that is missing.
    """
    _refuse_unready(settings)
    background.connect_events()
    keyring = settings.keyring()
    fonts.ensure()
    signer = FileSigner.load(settings.unit_key, settings.unit_certificate)
    return Services(settings, database, keyring, keyring.cipher(), keyring.index(), signer)


def _refuse_unready(settings: Settings) -> None:
    problems = settings.problems()
    if problems:
        raise NotReady(problems)


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(settings.database),
        SESSION_COOKIE_NAME="qp_form",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=gateway.MOST_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        BOOTSTRAP_SERVE_LOCAL=True,
        BANNER=settings.banner,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = RowId
    app.session_interface = FormSessions()
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.proxies)  # type: ignore[method-assign]


def configure_logging(level: str = "info") -> None:
    """Configure the log: one JSON line an event on standard error, with zone, level, request id; no personal data.

    A traceback comes without the values of its variables: among them are keys, names, whole settlements.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _failed(error: HTTPException) -> Response:
    """Answer what no route has answered, or one has by breaking: JSON below the API's address, a page
    elsewhere."""
    if request.path.startswith(f"{openapi.BASE}/"):
        return mini_failed(error)
    return broken(error) if error.code == 500 else http_error(error)


def _database_failed(error: SQLAlchemyError) -> Response:
    """Answer 503 while the database is away or read-only; whatever else it says is a fault of ours."""
    if not is_away(error):
        raise error
    log.error("database.away", error=type(error).__name__)
    refusal = Refusal("DATABASE_AWAY")
    if request.path.startswith(f"{openapi.BASE}/"):
        return mini_refused(refusal)
    return console_refused(refusal) if request.path.startswith("/console") else patient_refused(refusal)


def _name_request() -> None:
    attempts.DELAY.set(0.0)
    g.request_id = secrets.token_hex(8)
    g.nonce = secrets.token_urlsafe(16)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
