"""Simulated Alipay: messages of the mini-program and the life account, and 发票管家."""
