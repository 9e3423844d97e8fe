"""票据库存: pages of the stock."""
