"""A provider of OpenID Connect for one test: everybody is Ada, at once and without a password."""

import time
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

KEY = RSAKey.generate_key(2048, {"kid": "test", "use": "sig", "alg": "RS256"})
CLIENT = "poison-lab"
_nonces: dict[str, str] = {}


def discovery(request: Request) -> Response:
    """Where everything is."""
    base = str(request.base_url).rstrip("/")
    return JSONResponse(
        {
            **{"issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token"},
            **{"jwks_uri": f"{base}/keys", "response_types_supported": ["code"], "subject_types_supported": ["public"]},
            **{"id_token_signing_alg_values_supported": ["RS256"], "scopes_supported": ["openid", "email", "profile"]},
        }
    )


def authorize(request: Request) -> Response:
    """Send the browser back, with a code."""
    asked = request.query_params
    code = f"code-{len(_nonces)}"
    _nonces[code] = asked.get("nonce", "")
    return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")


async def token(request: Request) -> Response:
    """Who it is, signed."""
    form = await request.form()
    now = int(time.time())
    claims = {
        **{"iss": str(request.base_url).rstrip("/"), "aud": CLIENT, "sub": "ada-1", "iat": now, "exp": now + 600},
        **{"email": "ada@example.org", "email_verified": True, "nonce": _nonces[str(form["code"])]},
    }
    signed = jwt.encode({"alg": "RS256", "kid": "test"}, claims, KEY)
    return JSONResponse({"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": signed})


def keys(request: Request) -> Response:
    """What it is signed with."""
    return JSONResponse({"keys": [KEY.as_dict(private=False)]})


app = Starlette(
    routes=[
        Route("/.well-known/openid-configuration", discovery),
        Route("/authorize", authorize),
        Route("/token", token, methods=["POST"]),
        Route("/keys", keys),
    ]
)
