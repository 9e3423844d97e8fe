"""What several pages of the stock share."""
