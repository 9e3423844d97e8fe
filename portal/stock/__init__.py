"""Number stock: the only place that takes a number."""
