"""The books of numbers: movements, holdings, uses, fates."""
