# SPDX-License-Identifier: MIT
"""docs/openapi.yaml and docs/asyncapi.yaml as the tests read them: what a page says of an answer or a message, held to a real one.

Both are loaded anew for each use, so that a test may plant a fault in its copy."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

from clients import Answer

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPENAPI = yaml.safe_load((DOCS / "openapi.yaml").read_text())
ASYNCAPI = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())


def pointer(*steps: str) -> str:
    return "#/" + "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)


def resolved(page: dict[str, Any], node: Any) -> Any:
    """What the node is, or what its $ref leads to."""
    while isinstance(node, dict) and "$ref" in node:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in node["$ref"].removeprefix("#/").split("/")]
        node = at(page, *steps)
    return node


def at(page: dict[str, Any], *steps: str) -> Any:
    """The node behind these steps; a $ref on the way is followed."""
    node: Any = page
    for step in steps:
        node = resolved(page, node)[step]
    return node


def planted(page: dict[str, Any], steps: tuple[str, ...], fault: Any) -> dict[str, Any]:
    """A copy of the page in which that node is another, or, with None, is not there."""
    wrong = copy.deepcopy(page)
    node = resolved(wrong, at(wrong, *steps[:-1]))
    assert steps[-1] in node, steps
    if fault is None:
        del node[steps[-1]]
    else:
        node[steps[-1]] = fault
    return wrong


def faults(page: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """Why the value is not what the schema says; a $ref in it is of that page."""
    whole = {**page, "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"this": schema}, "$ref": "#/$defs/this"}
    return [f"{error.instance_path}: {error.message}" for error in jsonschema_rs.validator_for(whole).iter_errors(value)]


def undescribed(page: dict[str, Any], path: str, method: str, answer: Answer) -> list[str]:
    """In what an answer differs from what the page says of that operation: status, headers, type, body."""
    said = at(page, "paths", path, method, "responses")
    if str(answer.status) not in said:
        return [f"status {answer.status}"]
    response = resolved(page, said[str(answer.status)])
    wrong = []
    for name, header in response.get("headers", {}).items():
        header = resolved(page, header)
        value: Any = answer.headers.get(name.lower())
        if value is None:
            wrong += [f"no {name}"] if header.get("required") else []
            continue
        number = resolved(page, header["schema"]).get("type") == "integer" and value.isdigit()
        wrong += [f"{name}: {fault}" for fault in faults(page, header["schema"], int(value) if number else value)]
    if "content" not in response:
        return wrong + ([f"a body: {answer.body!r}"] if answer.body else [])
    kind = answer.headers["content-type"]
    content = {given: media for given, media in response["content"].items() if given == kind or given == kind.partition(";")[0]}
    if not content:
        return [*wrong, f"type {kind}"]
    body = json.loads(answer.body) if kind == "application/json" else answer.body.decode()
    return wrong + faults(page, next(iter(content.values())).get("schema", {}), body)
