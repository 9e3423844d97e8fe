"""Messages 9304–9306 (void numbers, paper forms and their end) in the national form."""

from __future__ import annotations

from portal.providers.finance.messages import PaperEnd, PaperExchange, VoidNumbers
from portal.providers.finance.national.envelope import Fields, stamp14
from portal.providers.finance.national.form import Forms, MessageForm, nothing

VOIDED, EXCHANGED, ENDED = "9304", "9305", "9306"


def void_fields(numbers: VoidNumbers) -> Fields:
    """Write the numbers of a void document (库存作废, 空白票报损). Idempotent on VoidNo."""
    return {
        "AgencyCode": numbers.agency,
        "VoidNo": numbers.no,
        "BillCode": numbers.bill_code,
        "StartNo": f"{numbers.first:010d}",
        "EndNo": f"{numbers.last:010d}",
        "Count": str(numbers.last - numbers.first + 1),
        "Operator": numbers.operator,
        "VoidTime": stamp14(numbers.at),
        "Reason": numbers.reason,
    }


def exchange_fields(paper: PaperExchange) -> Fields:
    """Write that a paper form stands for a bill. Idempotent on the form."""
    return _forms(paper) | {"Operator": paper.operator, "ExchangeTime": stamp14(paper.at)}


def end_fields(paper: PaperEnd) -> Fields:
    """Write that a paper form stands for its bill no more. Idempotent on the form."""
    return _forms(paper) | {"Operator": paper.operator, "VoidTime": stamp14(paper.at), "Reason": paper.reason}


def _forms(paper: PaperExchange | PaperEnd) -> dict[str, str]:
    return {
        "EInvoiceCode": paper.bill_code,
        "EInvoiceNumber": f"{paper.bill_number:010d}",
        "PaperInvoiceCode": paper.paper_code,
        "PaperInvoiceNumber": f"{paper.paper_number:010d}",
    }


FORMS: Forms = {
    VoidNumbers: MessageForm(VOIDED, void_fields, nothing),
    PaperExchange: MessageForm(EXCHANGED, exchange_fields, nothing),
    PaperEnd: MessageForm(ENDED, end_fields, nothing),
}
