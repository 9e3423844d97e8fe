"""Qupiao (取票): medical fiscal e-bills, issued by a hospital and fetched by its patients."""
