"""Who may do what, and what nobody else may read: credentials, tokens, encryption."""
