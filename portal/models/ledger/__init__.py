"""Tables of bills, paper, reversals, vouchers."""
