"""The page as it is sent: its files, and what they are allowed."""

import importlib.resources
import re

import pytest
from fastapi.testclient import TestClient

from tests.serve.scripted import scripted_app, with_limits

FILES = [
    file.name
    for file in importlib.resources.files("translator.serve.page").iterdir()
    if file.name.endswith((".html", ".css", ".js", ".svg"))
]


@pytest.mark.parametrize("path", ["/", *(f"/page/{name}" for name in FILES)])
def test_every_file_forbids_what_comes_from_elsewhere(path: str):
    with TestClient(scripted_app(with_limits(api_keys=frozenset({"k"})))) as client:
        response = client.get(path)
        again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
        head = client.head(path)
    assert response.status_code == 200
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.headers) == (200, response.headers)


def test_scripts_are_sent_as_javascript():
    with TestClient(scripted_app()) as client:
        assert client.get("/page/main.js").headers["content-type"] == "text/javascript; charset=utf-8"
        assert client.get("/").headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("name", ["nothing.js", "__init__.py", "..%2fapp.py"])
def test_nothing_else_is_sent(name: str):
    with TestClient(scripted_app()) as client:
        assert client.get(f"/page/{name}").status_code == 404


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host_or_writes_html(name: str):
    text = importlib.resources.files("translator.serve.page").joinpath(name).read_text(encoding="utf-8")
    assert not re.search(r"https?://", text.replace("http://www.w3.org/2000/svg", ""))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text)
    if name.endswith(".html"):
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text)
