"""The exchange with finance: bills, number stock, paper and bookings."""
