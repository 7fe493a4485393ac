"""Makes `mcp`, `fastmcp` and `mcp_types` look not installed, for a process that has this folder on its path."""

import sys
from importlib.abc import MetaPathFinder


class Missing(MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in {"mcp", "fastmcp", "mcp_types"}:
            raise ModuleNotFoundError(f"No module named {fullname!r} (hidden by the tests)", name=fullname)
        return


sys.meta_path.insert(0, Missing())
