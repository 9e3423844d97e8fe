"""Everything the application registers for the console. A new page is a module in a folder of ``admin.pages``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import walk_packages

from flask import Flask

from admin import pages
from admin.kit import groups, reasons
from admin.kit.listing import list_address
from admin.pages.home import my_account
from admin.pages.login import entrance
from portal.listing import values

for _module in walk_packages(pages.__path__, f"{pages.__name__}."):
    import_module(_module.name)  # its views hang themselves on the blueprint of their menu group

BLUEPRINTS = ((entrance, "none"), *((blueprint, "staff-session") for blueprint in groups.ALL))
"""The login page needs no authentication; everything else needs a staff session."""


def prepare(app: Flask) -> None:
    """Register the filters of the templates and what a session must do before it may work."""
    app.jinja_env.globals["list_address"] = list_address
    app.jinja_env.filters.update(values.FILTERS)
    app.register_error_handler(reasons.ReasonNeeded, reasons.ask_look)
    app.extensions["qupiao_next_step"] = my_account.next_step
