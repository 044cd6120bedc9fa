"""Who may do what: accounts, sessions, passwords, tokens."""
