"""Addresses in answers are such that the client that asked can use them."""

import pytest
from fastapi import Request

from dicom_node.settings import Web
from dicom_node.web.address import root_of


def asked(host: str | None, *, scheme: str = "http", port: int = 8080) -> Request:
    headers = [] if host is None else [(b"host", host.encode())]
    return Request(
        {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers,
         "scheme": scheme, "server": ("127.0.0.1", port)}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "scheme", "port", "root"),
    [
        ("node:8080", "http", 8080, "http://node:8080"),
        ("node:9090", "http", 8080, "http://node:9090"),  # a port that is mapped
        ("node", "http", 8080, "http://node:8080"),
        ("[::1]", "http", 8080, "http://[::1]:8080"),
        ("[::1]:8080", "http", 8080, "http://[::1]:8080"),
        ("node", "http", 80, "http://node"),
        ("node", "https", 443, "https://node"),
        ("node", "https", 8443, "https://node:8443"),
        ("bad host/..", "http", 8080, "http://127.0.0.1:8080"),
        (None, "http", 8080, "http://127.0.0.1:8080"),
    ],
)
def test_a_client_gets_the_address_that_it_came_to(host, scheme, port, root):
    assert root_of(asked(host, scheme=scheme, port=port), Web()) == f"{root}/dicom-web"


def test_what_the_operator_says_rules():
    web = Web(url="https://pacs.example.org/")
    assert root_of(asked("node"), web) == "https://pacs.example.org/dicom-web"
