"""The WeChat client, its tokens and its callbacks."""
