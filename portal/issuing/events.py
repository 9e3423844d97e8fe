"""Events of documents: what other packages follow up after an issue, a reversal or an exchange has committed."""

from __future__ import annotations

from portal.outbox.events import event

BILL_ISSUED = event("bill.issued")
BILL_REVERSED = event("bill.reversed")
PAPER_EXCHANGED = event("paper.exchanged")
VOUCHER_ISSUED = event("voucher.issued")
VOUCHER_REFUNDED = event("voucher.refunded")
VOUCHER_CANCELLED = event("voucher.cancelled")
VOUCHER_CONSUMED = event("voucher.consumed")
