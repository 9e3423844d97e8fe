"""The entries of a server: ``application`` for WSGI, ``gateway`` for granian, which is what ``qupiao run`` starts."""

from portal.app import create_app
from portal.core.settings import Settings
from portal.web.gateway import Gateway

_settings = Settings()
application = create_app(_settings)
gateway = Gateway(application, _settings.threads)
