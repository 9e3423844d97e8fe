"""Prepayment vouchers (预交金凭证): issue, movements, paper."""
