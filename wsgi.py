"""The WSGI entry: ``granian --interface wsgi wsgi:application``."""

from portal.app import create_app

application = create_app()
