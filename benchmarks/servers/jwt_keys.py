"""Keys of an issuer that is only here, and a token of its: `jwt_keys.py` prints one, made with keys of this machine's.

The private key is made when it is first asked for and lies in the folder that git ignores.
"""

import json
import time
from pathlib import Path
from typing import Any

from joserfc import jwk, jwt

ISSUER, AUDIENCE = "https://login.example.com", "https://api.example.com/mcp"
KEPT = Path(__file__).parent.parent.parent / ".bench" / "issuer.json"


def _key() -> Any:
    if not KEPT.exists():
        made = jwk.RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}, private=True)
        KEPT.write_text(json.dumps(made.as_dict(private=True)))
    return jwk.RSAKey.import_key(json.loads(KEPT.read_text()))


def public_keys() -> dict[str, Any]:
    """Return the set of public keys that a server judges by."""
    return {"keys": [_key().as_dict(private=False)]}


def token() -> str:
    """Return a token for an hour."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "somebody",
        "client_id": "bench",
        "iat": now,
        "exp": now + 3600,
        "jti": "1",
    }
    return jwt.encode({"alg": "RS256", "kid": "one", "typ": "at+jwt"}, claims, _key())


if __name__ == "__main__":
    print(token())
