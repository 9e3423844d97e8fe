"""基础信息: what issuing refers to."""
