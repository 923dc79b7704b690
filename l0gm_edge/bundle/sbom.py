"""The bundle's bill of materials in CycloneDX 1.6: every model file by digest, and the tools that made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, uuid5

from l0gm_edge.bundle.manifest import File, Model
from l0gm_edge.core import environment

EXTRA = "bundle"


def require_installed() -> None:
    """Raise MissingExtra unless the library that writes it is here."""
    environment.require("cyclonedx", EXTRA, "a bundle's bill of materials")


def render(name: str, models: Sequence[Model], files: Mapping[str, File]) -> str:
    """The document as JSON; the same models and tools give the same text, so it tells no time of day.

    Raises MissingExtra.
    """
    require_installed()
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    product = Component(type=ComponentType.MACHINE_LEARNING_MODEL, name=name, bom_ref="bundle")
    parts = [
        Component(
            type=ComponentType.MACHINE_LEARNING_MODEL,
            name=path,
            bom_ref=path,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=files[path].sha256)],
            properties=[
                Property(name="l0gm-edge:runtime", value=model.runtime),
                Property(name="l0gm-edge:scheme", value=model.scheme),
                Property(name="l0gm-edge:bytes", value=str(files[path].bytes)),
            ],
        )
        for model in models
        for path in model.paths
    ]
    tools = [
        Component(
            type=ComponentType.APPLICATION,
            name=tool,
            version=version,
            bom_ref=f"{tool}@{version}",
            purl=PackageURL("pypi", None, tool, version),
        )
        for tool, version in sorted({pair for model in models for pair in model.tools.items()})
    ]
    digests = "".join(files[path].sha256 for model in models for path in model.paths)
    bom = Bom(
        components=parts,
        serial_number=uuid5(NAMESPACE_URL, f"l0gm-edge:{name}:{digests}"),
        metadata=BomMetaData(component=product, tools=ToolRepository(components=tools)),
    )
    bom.register_dependency(product, parts)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["metadata"]["timestamp"]
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
