"""The WSGI entry of an invented installation: ``granian --interface wsgi portal.demo.wsgi:application``."""

from portal.app import create_app
from portal.demo.settings import DemoSettings

application = create_app(DemoSettings())
