"""Keys, SM2 and SM4, signatures, certificates."""
