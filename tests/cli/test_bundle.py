"""`l0gm-edge bundle --sign` and `l0gm-edge verify --public-key`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tiny_models
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from synthetic import hardware

from l0gm_edge.bundle.write import Contents, Shipped, write
from l0gm_edge.core.artifact import Artifact, Role, TensorSpec
from l0gm_edge.core.store import RunFolder, file_sha256

Invoke = Callable[..., Result]
ROWS = np.ones((2, 4), np.float32)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key, as PEM."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def contents(folder: Path) -> Contents:
    source = tiny_models.write_onnx(folder / "linear.onnx")
    artifact = Artifact(
        name="small",
        role=Role.COMPRESSED,
        runtime="onnxruntime",
        scheme="fp32",
        path=source.name,
        sha256=file_sha256(source),
        size_bytes=source.stat().st_size,
        inputs=(TensorSpec(name="x", shape=(1, 4), dtype="float32"),),
        outputs=(TensorSpec(name="y", shape=(1, 3), dtype="float32"),),
        recipe_sha256=None,
        tools={},
        ops={},
    )
    models = [Shipped(artifact, source, 1.0, tiny_models.linear(ROWS))]
    return Contents("tiny", None, hardware(), ("a", "b", "c"), "", {"x": ROWS}, models, {})


@pytest.fixture
def run_folder(tmp_path: Path, pipeline: ModuleType) -> Path:
    """A run whose bundle stage packs a small model."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.json").write_text("{}", encoding="utf-8")

    def run_stage(folder: Path, stage: str, *_: object) -> None:
        RunFolder(folder).make(stage, {}, lambda partial: write(contents(tmp_path), partial) and None)

    pipeline.run_stage = run_stage  # type: ignore[attr-defined]
    return folder


def test_signed_on_the_way_it_verifies_with_the_public_key(
    invoke: Invoke, run_folder: Path, keys: tuple[Path, Path]
) -> None:
    private, public = keys
    made = invoke("bundle", str(run_folder), "--sign", str(private), "--json")
    assert made.exit_code == 0, made.stderr
    assert json.loads(made.stdout)["stage"] == "bundle"
    found = invoke("verify", str(run_folder / "bundle"), "--public-key", str(public))
    assert found.exit_code == 0, found.stderr
    assert "\nsigned by " in found.stdout
    assert RunFolder(run_folder).record("bundle")  # the stage is still whole


def test_unsigned_it_is_refused_where_a_key_is_asked_for(
    invoke: Invoke, run_folder: Path, keys: tuple[Path, Path]
) -> None:
    assert invoke("bundle", str(run_folder)).exit_code == 0
    refused = invoke("verify", str(run_folder / "bundle"), "--public-key", str(keys[1]), "--json")
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["error"]["what"] == "the bundle is not signed"
    assert "\nnot signed\n" in invoke("verify", str(run_folder / "bundle")).stdout


def test_a_key_that_cannot_sign_is_refused_before_the_work(
    invoke: Invoke, run_folder: Path, keys: tuple[Path, Path]
) -> None:
    refused = invoke("bundle", str(run_folder), "--sign", str(keys[1]))
    assert refused.exit_code == 2
    assert "there is no private key in this file" in refused.stderr
    assert not (run_folder / "bundle").exists()
