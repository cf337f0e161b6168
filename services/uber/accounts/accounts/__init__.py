"""Who riders are: accounts, sign-in, tokens."""
