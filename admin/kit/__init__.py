"""What every console page is built from: security, forms, lists, values."""
