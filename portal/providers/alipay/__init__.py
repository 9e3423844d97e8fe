"""The client of Alipay's gateway."""
