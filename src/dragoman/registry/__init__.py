"""The MCP registry: finding servers in one, putting them in so that they run, publishing, serving, bundles."""
