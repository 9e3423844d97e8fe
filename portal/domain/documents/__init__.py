"""Bills, settlements, manual input and vouchers as values."""
