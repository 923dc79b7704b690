"""The bill of materials, read back by the library that knows the format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import ComponentType

from l0gm_edge.bundle import integrity, sbom
from l0gm_edge.core import environment
from l0gm_edge.core.errors import MissingExtra
from l0gm_edge.core.store import file_sha256


def test_it_lists_every_model_by_digest_and_every_tool_by_version(bundle: Path) -> None:
    manifest = integrity.read(bundle)
    assert "sbom.cdx.json" in manifest.files
    document = json.loads((bundle / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    bom = Bom.from_json(document)  # type: ignore[attr-defined]
    found = {part.name: (part.type, str(next(iter(part.hashes)).content)) for part in bom.components}
    assert found == {
        model.path: (ComponentType.MACHINE_LEARNING_MODEL, file_sha256(bundle / model.path))
        for model in manifest.models
    }
    tools = {(tool.name, tool.version) for tool in bom.metadata.tools.components}
    assert tools == {pair for model in manifest.models for pair in model.tools.items()}
    assert bom.validate()


def test_tools_of_two_versions_are_both_listed(bundle: Path) -> None:
    manifest = integrity.read(bundle)
    other = manifest.models[0].model_copy(update={"tools": {"onnx": "2"}})
    tools = json.loads(sbom.render("x", [manifest.models[0], other], manifest.files))["metadata"]["tools"]["components"]
    assert [(tool["name"], tool["version"]) for tool in tools] == [("onnx", "1"), ("onnx", "2")]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"l0gm-edge\[bundle\]"):
        sbom.require_installed()
