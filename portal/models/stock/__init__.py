"""Tables of numbers and of the stock's documents."""
