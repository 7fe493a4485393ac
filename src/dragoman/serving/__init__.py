"""Floor 3: answering calls. Knows neither transports nor clients."""
