"""The life of a bill: issue now; reverse, exchange and vouchers join it with the console."""
