"""Coverage of the processes that tests run in."""

from __future__ import annotations

import sys


def keep() -> None:
    """Write what this process has covered so far, if anybody measures it.

    A process of pytest-xdist writes at its exit, and has ten seconds for it: under load it is killed meanwhile, and all
    that its tests have covered is lost in silence. So it writes before it says that it has finished.
    """
    library = sys.modules.get("coverage")
    if library is not None and (measuring := library.Coverage.current()) is not None:
        measuring.save()
