"""Reading bills, vouchers and paper: named queries for every edge; writes nothing."""
