"""WeChat: one client for all calls, its tokens, its callbacks, its messages and its card pack (docs/wechat.md)."""
