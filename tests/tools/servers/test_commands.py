"""`flask tools`: what tools there are, and whether a server answers."""

from typing import Any

from flask import Flask

from tests.api.client import Client
from tests.support.mcp_server import McpServer, Said


def test_tools_are_listed_and_a_server_is_tried(app: Flask, accepted: dict[str, Any], member, stand_in: McpServer) -> None:
    run = app.test_cli_runner().invoke
    assert "read_page  allow  available" in run(args=["tools", "list"]).output
    for whose in ([], ["--as", member.email]):
        assert "stand-in.count  ask  available" in run(args=["tools", "list", *whose]).output
    assert "lists 8 tools" in run(args=["tools", "test", "stand-in"]).output
    stand_in.instead["server/discover"] = stand_in.instead["tools/list"] = lambda _: Said(b"", status=503)
    stand_in.instead["initialize"] = lambda _: Said(b"", status=503)
    failed = run(args=["tools", "test", "Stand-in"])
    assert failed.exit_code == 1
    assert failed.output.startswith("Error: ")
    assert "no tool server Nobody" in run(args=["tools", "test", "Nobody"]).output


def test_tools_of_a_server_that_is_off_say_so(app: Flask, accepted: dict[str, Any], admin: Client) -> None:
    admin.said("PATCH", f"/tool-servers/{accepted['id']}", 200, {"is_enabled": False})
    listed = app.test_cli_runner().invoke(args=["tools", "list"]).output
    assert "stand-in.count  ask  This app is turned off." in listed
