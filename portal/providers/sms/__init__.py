"""SMS gateways: our own contract, Aliyun, Tencent."""
