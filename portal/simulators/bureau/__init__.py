"""Simulated card platform of a finance bureau: puts bills into WeChat card packs for hospitals."""
