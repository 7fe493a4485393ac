"""Floor 5: servers written for `mcp` and `fastmcp`, run unchanged and with neither package installed."""
