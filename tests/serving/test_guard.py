"""Who may use a server: names, other sites' pages, tokens; the headers that keep browsers safe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving_support import Client, Threshold, picture, serving

TOKEN = "a-token-of-24-characters"
PNG = picture()


@pytest.fixture(scope="module")
def locked() -> Iterator[Client]:
    """A server with a token that other computers reach, and one page of another site."""
    with serving(Threshold(), token=TOKEN, hosts=None, origins=("https://Lab.example",)) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "[::2]:80", "localhost.", ""]
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/models", "/predict"])
def test_another_name_than_the_computers_own_is_refused(client: Client, host: str, path: str) -> None:
    reply = client.get(path, Host=host)
    assert (reply.status, reply.json["where"]) == (400, "Host")


def test_a_server_is_addressed_by_the_names_that_it_is_given() -> None:
    with serving(Threshold(), hosts=("127.0.0.1", "::1", "Masks.Example")) as client:
        for host in ("masks.example", "MASKS.example:443", "[::1]:8000", "127.0.0.1"):
            assert client.get("/models", Host=host).status == 200
        assert client.get("/models", Host="localhost").status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_a_page_of_another_site_may_not_use_the_server(client: Client, headers: dict) -> None:
    reply = client.post(PNG, **headers)
    assert (reply.status, reply.json["where"]) == (403, "Origin")
    assert "access-control-allow-origin" not in reply.headers


def test_its_own_page_may_use_the_server(client: Client) -> None:
    own = f"http://127.0.0.1:{client.port}"
    assert client.post(PNG, Origin=own, Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize("path", ["/models", "/metrics", "/openapi.json", "/predict", "/preview", "/nowhere"])
@pytest.mark.parametrize(
    "given", [None, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer caf\xe9", f"bearer {TOKEN[:-1]}"]
)
def test_everything_but_the_page_needs_the_token(locked: Client, path: str, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    reply = locked.ask("GET", path, **headers)
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert TOKEN not in reply.body.decode()


def test_the_body_of_a_refused_request_is_read(locked: Client) -> None:
    """A client that still sends when the connection is closed would see it broken in place of the answer."""
    for headers, status in (({}, 401), ({"Origin": "https://evil.example"}, 403)):
        assert locked.post(b"\0" * 20_000_000, Connection="close", **headers).status == status


def test_a_request_with_the_token_is_answered(locked: Client) -> None:
    assert locked.get("/models", Authorization=f"Bearer {TOKEN}").status == 200
    assert locked.post(PNG, Authorization=f"bearer  {TOKEN}").status == 200
    for path in ("/", "/healthz", "/static/page.js"):
        assert locked.get(path).status == 200
    document = locked.get("/openapi.json", Authorization=f"Bearer {TOKEN}").json
    assert document["paths"]["/predict"]["post"]["security"] == [{"token": []}]


def test_only_the_pages_that_are_named_may_read_answers(locked: Client) -> None:
    asks = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
    allowed = locked.ask("OPTIONS", "/predict", Origin="https://lab.example", **asks)
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://lab.example")
    assert "access-control-allow-credentials" not in allowed.headers
    assert locked.ask("OPTIONS", "/predict", Origin="https://evil.example", **asks).status == 400
    reply = locked.post(PNG, Origin="https://lab.example", Sec_Fetch_Site="cross-site", Authorization=f"Bearer {TOKEN}")
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, "https://lab.example")


@pytest.mark.parametrize("path", ["/", "/static/page.css", "/healthz", "/models", "/nowhere"])
def test_every_answer_has_the_headers_that_keep_browsers_safe(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


def test_refusals_have_the_headers_too(client: Client) -> None:
    for reply in (client.get("/", Host="evil.example"), client.post(b"", Origin="https://evil.example")):
        assert "default-src 'none'" in reply.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name", ["../server.py", "..%2fserver.py", "%2e%2e/server.py", "index.html%00", "/etc/passwd", "x"]
)
def test_only_the_files_of_the_page_are_served(client: Client, name: str) -> None:
    assert client.get(f"/static/{name}").status == 404
