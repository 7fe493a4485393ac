"""Floor 3: bytes on their way. Knows neither kernel nor client, only the ports."""
