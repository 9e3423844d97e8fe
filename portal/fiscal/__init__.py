"""What the exchange with finance decides: bills, stock, paper, bookings."""
