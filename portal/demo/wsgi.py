"""The entries of a server of an invented installation: ``application`` for WSGI, ``gateway`` for granian."""

from portal.app import create_app
from portal.demo.settings import DemoSettings
from portal.web.gateway import Gateway

_settings = DemoSettings()
application = create_app(_settings)
gateway = Gateway(application, _settings.threads)
