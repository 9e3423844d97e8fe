"""Page of 告知单: one slip from a bill's page, many from a list; every print is counted, a repeated one says 补打."""

from __future__ import annotations

from flask import Response, request, url_for

from admin.kit.filters import AT_POINT, ISSUED_AT, NUMBER, POINT_COLUMN, SCENE, TOTAL, payer_column
from admin.kit.groups import billing, delivery
from admin.kit.listing import respond
from admin.kit.security import current_actor, current_staff, requires
from portal.access.permissions import Permission
from portal.domain.errors import Refusal
from portal.issuing.paper import notice_slips
from portal.listing.columns import Column
from portal.listing.filters import Filter, day_filters
from portal.listing.lists import ListPage
from portal.models.tables import BILL
from portal.rendering.papers.slip import Paper
from portal.web.edge import file_response, see_other, services
from portal.web.numbers import row_ids

PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'"
"""A browser's own PDF viewer is a page with styles of its own."""

NOTICES = ListPage(
    name="notices",
    title="告知单打印",
    order=(BILL.c.issued_at, BILL.c.id),
    columns=(
        ISSUED_AT,
        SCENE,
        NUMBER,
        payer_column(),
        TOTAL,
        POINT_COLUMN,
        Column("prints", "已打印次数", "count"),
    ),
    filters=(
        *day_filters(BILL.c.business_day, 0),
        AT_POINT,
        Filter(
            "printed",
            "打印",
            lambda value: notice_slips.printed(value == "yes"),
            "choice",
            choices={"no": "未打印", "yes": "已打印"},
            default=lambda: "no",
        ),
    ),
    empty="没有符合条件的票据。开票后未打印告知单的会出现在这里；也可以把“打印”改为“全部”查看打印过的。",
)


@delivery.get("/notices")
@requires(Permission.NOTICE_PRINT, menu="告知单", order=20)
def slips() -> Response:
    """List the bills that patients may want a slip of; at first the ones of today that are not printed yet."""
    statement = notice_slips.printable(current_staff().unit_id)
    return respond(NOTICES, statement, "delivery/notices.html", papers=Paper, most=notice_slips.MOST)


@delivery.post("/notices/print")
@requires(Permission.NOTICE_PRINT, within="delivery.slips")
def print_slips() -> Response:
    """Print the chosen ones, or with ``all`` everything that the page shows."""
    names = "shown" if "all" in request.form else "bill"
    return _print(row_ids(request.form.getlist(names)))


@billing.post("/bills/<int:bill_id>/notice")
@requires(Permission.NOTICE_PRINT, within="billing.bills")
def print_slip(bill_id: int) -> Response:
    """Print the slip of one bill."""
    return _print([bill_id])


@delivery.get("/notices/<int:job>/slips.pdf")
@requires(Permission.NOTICE_PRINT, within="delivery.slips")
def job_pdf(job: int) -> Response:
    """Answer the slips that were printed together; opening them again counts nothing."""
    return pdf_response(notice_slips.job_pdf(services(), current_staff().unit_id, job), f"notice-{job}.pdf")


def chosen_paper() -> Paper:
    """Return the paper of the posted form. Raises PAGE_NOT_FOUND for an unknown one."""
    try:
        return Paper(request.form.get("paper", Paper.ROLL.value))
    except ValueError:
        raise Refusal("PAGE_NOT_FOUND") from None


def pdf_response(data: bytes, name: str) -> Response:
    """Answer a PDF for the browser's own viewer, from which it is printed."""
    response = file_response(data, "application/pdf", name, "inline")
    response.headers["Content-Security-Policy"] = PDF_POLICY
    return response


def _print(bill_ids: list[int]) -> Response:
    job = notice_slips.start(services(), current_actor(), notice_slips.BILLS, bill_ids, chosen_paper())
    return see_other(url_for("delivery.job_pdf", job=job))
