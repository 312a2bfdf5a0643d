"""The interactive reference at /docs, and GraphiQL: pages and assets of installed packages, without the internet.

The packages only carry the files (Swagger UI, GraphiQL, React); they are found by path and never imported.
"""

import html
import importlib.util
from functools import lru_cache
from pathlib import Path

from service.framework.web.answers import Answer
from service.framework.web.router import Part
from service.platform.errors import NotFound

_SWAGGER = ("fastapi_offline", "static")
_GRAPHIQL = ("graphene_django_graphiql_static", "static", "graphene_django_graphiql_static")
_FILES = {
    "swagger-ui-bundle.js": _SWAGGER,
    "swagger-ui.css": _SWAGGER,
    "react.production.min.js": _GRAPHIQL,
    "react-dom.production.min.js": _GRAPHIQL,
    "graphiql.min.js": _GRAPHIQL,
    "graphiql.min.css": _GRAPHIQL,
}
_MEDIA = {".js": b"text/javascript; charset=utf-8", ".css": b"text/css; charset=utf-8"}
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'; "
    b"base-uri 'none'; form-action 'self'"
)
_PAGE_HEADERS = ((b"content-security-policy", _POLICY), (b"referrer-policy", b"no-referrer"))

_OPEN_REFERENCE = b"""window.addEventListener("load", function () {
  SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#page",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "none",
    filter: true,
    persistAuthorization: true,
    syntaxHighlight: { activated: true },
    tryItOutEnabled: true,
    validatorUrl: null
  });
});
"""

_OPEN_GRAPHIQL = b"""window.addEventListener("load", function () {
  var url = location.pathname;
  var socket = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + url;
  var welcome = [
    "# Put your key under Headers, then press the button on the right.",
    "query FirstAccounts {", "  accounts(first: 5) {", "    edges {", "      node {", "        id", "        name",
    "      }", "    }", "  }", "}", ""
  ].join("\\n");
  var fetcher = GraphiQL.createFetcher({ url: url, subscriptionUrl: socket });
  ReactDOM.render(
    React.createElement(GraphiQL, {
      fetcher: fetcher,
      defaultQuery: welcome,
      defaultHeaders: "{\\"Authorization\\": \\"Bearer kam_...\\"}",
      defaultEditorToolsVisibility: "headers",
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false
    }),
    document.getElementById("page")
  );
});
"""

_WRITTEN = {"open-reference.js": _OPEN_REFERENCE, "open-graphiql.js": _OPEN_GRAPHIQL}


def docs_part(title: str) -> Part:
    """Return the routes of /docs and of all assets (`/docs/assets/{name}`); none of them is in the API's document."""
    part = Part("service", prefix="")
    shown = _page(title, ["swagger-ui.css"], ["swagger-ui-bundle.js", "open-reference.js"])

    @part.get("/docs", include_in_schema=False, produces=("text/html",))
    async def read_docs() -> Answer:
        """Show the interactive reference."""
        return Answer(shown, media=b"text/html; charset=utf-8", headers=_PAGE_HEADERS)

    @part.get("/docs/assets/{name}", include_in_schema=False, produces=())
    async def read_asset(name: str) -> Answer:
        """Send one of the files that the pages load; cached for an hour."""
        body = asset(name)
        media = _MEDIA[Path(name).suffix]
        return Answer(body, media=media, cache=b"public, max-age=3600")

    return part


def graphiql_page() -> Answer:
    """Return GraphiQL's page for browsers that open /graphql; its scripts come from /docs/assets."""
    scripts = ["react.production.min.js", "react-dom.production.min.js", "graphiql.min.js"]
    body = _page("GraphiQL", ["graphiql.min.css"], [*scripts, "open-graphiql.js"])
    return Answer(body, media=b"text/html; charset=utf-8", headers=_PAGE_HEADERS)


@lru_cache(maxsize=32)
def asset(name: str) -> bytes:
    """Return the bytes of an asset, read once; raises NotFound for other names and when its package is missing."""
    if name in _WRITTEN:
        return _WRITTEN[name]
    if name not in _FILES:
        raise NotFound("asset")
    package, *folders = _FILES[name]
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("asset")
    return Path(spec.submodule_search_locations[0], *folders, name).read_bytes()


def _page(title: str, styles: list[str], scripts: list[str]) -> bytes:
    """Return a page whose scripts fill the window."""
    links = "".join(f'<link rel="stylesheet" href="docs/assets/{name}">\n' for name in styles)
    tags = "".join(f'<script src="docs/assets/{name}"></script>\n' for name in scripts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"{links}<style>html, body, #page {{ height: 100%; margin: 0 }}</style>\n</head>\n<body>\n"
        f'<div id="page"></div>\n{tags}</body>\n</html>\n'
    ).encode()
