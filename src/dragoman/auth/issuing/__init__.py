"""An authorization server to start with: clients, consent, codes, tokens, and a broker to identity providers."""
