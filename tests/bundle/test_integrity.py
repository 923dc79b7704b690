"""Tampering with a bundle."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.bundle import integrity
from l0gm_edge.bundle.manifest import Manifest
from l0gm_edge.core.errors import IntegrityError, RefusedInput
from l0gm_edge.core.store import file_sha256

MODEL = "models/compressed-onnxruntime-fp32.onnx"
EXPECTED = "samples/expected-compressed-onnxruntime-fp32.npy"


def check(folder: Path) -> None:
    """What `verify` does before it runs anything."""
    integrity.require_intact(folder, integrity.read(folder))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_flipped_bit_goes_unnoticed(bundle: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(path for path in bundle.rglob("*") if path.is_file())), label="file")
    content = path.read_bytes()
    offset = data.draw(st.integers(0, len(content) - 1), label="offset")
    flipped = bytearray(content)
    flipped[offset] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    try:
        path.write_bytes(flipped)
        with pytest.raises(IntegrityError):
            check(bundle)
    finally:
        path.write_bytes(content)


def remove(bundle: Path) -> None:
    (bundle / MODEL).unlink()


def add(bundle: Path) -> None:
    (bundle / "models" / "numpy.py").write_text("print('hello')")


def swap(bundle: Path) -> None:
    first, second = bundle / MODEL, bundle / EXPECTED
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)


def cut_short(bundle: Path) -> None:
    (bundle / MODEL).write_bytes((bundle / MODEL).read_bytes()[:-1])


def inflate(bundle: Path) -> None:
    with (bundle / MODEL).open("r+b") as file:
        file.truncate(2**40)  # a hole, not a terabyte; its bytes must not be read


def link(bundle: Path) -> None:
    shutil.copy(bundle / MODEL, bundle.parent / "elsewhere.onnx")
    (bundle / MODEL).unlink()
    (bundle / MODEL).symlink_to(bundle.parent / "elsewhere.onnx")


def pipe(bundle: Path) -> None:
    os.mkfifo(bundle / "models" / "pipe")


def pipe_instead(bundle: Path) -> None:
    (bundle / MODEL).unlink()
    os.mkfifo(bundle / MODEL)


def link_folder(bundle: Path) -> None:
    (bundle / "models").rename(bundle.parent / "elsewhere")
    (bundle / "models").symlink_to(bundle.parent / "elsewhere")


@pytest.mark.parametrize("tamper", [remove, add, swap, cut_short, inflate, link, link_folder, pipe, pipe_instead])
def test_files_tampered_with_are_refused(bundle: Path, tamper: Callable[[Path], None]) -> None:
    check(bundle)
    tamper(bundle)
    with pytest.raises(IntegrityError) as refused:
        check(bundle)
    assert refused.value.exit_status == 2


def signed(document: dict[str, Any]) -> bytes:
    """A manifest as an attacker would write it, digest and all."""
    manifest = Manifest.model_construct(**document)
    document["bundle_sha256"] = manifest.contents_sha256
    return (json.dumps(document, indent=2) + "\n").encode()


def rename_file(document: dict[str, Any], name: str) -> None:
    document["files"][name] = document["files"].pop(MODEL)
    document["models"][0]["path"] = name


@pytest.mark.parametrize(
    "name",
    [
        "../outside.onnx",
        "models/../../outside.onnx",
        "/etc/passwd",
        "models/./x",
        ".hidden",
        "a\\..\\b",
        "models//x",
        "a/b/c",
        "x\n",
        "manifest.json",
        "",
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")  # of the attacker's own work
def test_names_that_lead_elsewhere_are_refused_before_any_file_is_touched(bundle: Path, name: str) -> None:
    document = json.loads((bundle / "manifest.json").read_text())
    rename_file(document, name)
    (bundle / "manifest.json").write_bytes(signed(document))
    with pytest.raises(IntegrityError, match="does not make sense"):
        integrity.read(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(schema_version=2),
        lambda document: document.update(surprise=1),
        lambda document: document["files"][MODEL].update(bytes=2**50),
        lambda document: document["files"][MODEL].update(bytes=-1),
        lambda document: document["files"][MODEL].update(sha256="00"),
        lambda document: document.update(models=[]),
        lambda document: document["models"][0].update(temperature=0),
        lambda document: document["files"].pop(MODEL),
        lambda document: document["reports"].update({MODEL: document["files"][MODEL]}),
    ],
)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")
def test_a_manifest_that_makes_no_sense_is_refused(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    document = json.loads((bundle / "manifest.json").read_text())
    change(document)
    (bundle / "manifest.json").write_bytes(signed(document))
    with pytest.raises(IntegrityError, match="does not make sense"):
        integrity.read(bundle)


def test_a_model_changed_together_with_its_record_changes_the_bundle_digest(bundle: Path) -> None:
    before = integrity.read(bundle)
    (bundle / MODEL).write_bytes(b"another model")
    document = json.loads((bundle / "manifest.json").read_text())
    document["files"][MODEL] = {"sha256": file_sha256(bundle / MODEL), "bytes": 13}
    (bundle / "manifest.json").write_text(json.dumps(document, indent=2) + "\n")
    with pytest.raises(IntegrityError, match="changed after it was written"):
        integrity.read(bundle)
    forged = Manifest.model_validate(document)
    assert forged.contents_sha256 != before.bundle_sha256


def test_a_huge_manifest_is_not_read(bundle: Path) -> None:
    with (bundle / "manifest.json").open("r+b") as file:
        file.truncate(2**40)
    with pytest.raises(IntegrityError, match="4 MiB"):
        integrity.read(bundle)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match=r"no manifest\.json"):
        integrity.read(tmp_path)


def test_the_run_folders_record_may_lie_beside(bundle: Path) -> None:
    (bundle / "record.json").write_text("{}")
    check(bundle)
