"""`l0gm-edge doctor`: says what is there and how to get what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import Result

from l0gm_edge.core import plugins

Invoke = Callable[..., Result]


def findings(result: Result) -> dict[tuple[str, str], dict[str, object]]:
    assert result.exit_code == 0, result.stderr
    return {(row["kind"], row["name"]): row for row in json.loads(result.stdout)["findings"]}


def test_every_plugin_and_extra_is_spoken_of(invoke: Invoke) -> None:
    found = findings(invoke("doctor", "--json"))
    expected = {("runtime", name) for name in plugins.names("l0gm_edge.backends")}
    expected |= {("device", name) for name in plugins.names("l0gm_edge.devices")}
    expected |= {("data", name) for name in plugins.names("l0gm_edge.data")}
    expected |= {("extra", name) for name in ("torch", "onnx", "tflite", "tensorrt", "ssh", "trt-check", "dev")}
    assert expected <= set(found)
    assert found["data", "digits"]["there"] is True
    assert all((row["todo"] is None) == row["there"] for row in found.values())


def test_data_that_is_missing_is_told_with_the_command_that_gets_it(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L0GM_EDGE_DATA", str(tmp_path))
    assert findings(invoke("doctor", "--json"))["data", "adult"]["todo"] == "l0gm-edge data fetch adult"
    assert "get it: l0gm-edge data fetch adult" in invoke("doctor").stdout


def test_a_runtime_without_its_packages_is_missing_with_its_extra(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = metadata.version

    def version(package: str) -> str:
        if package == "onnxruntime":
            raise metadata.PackageNotFoundError(package)
        return installed(package)

    monkeypatch.setattr(metadata, "version", version)
    found = findings(invoke("doctor", "--json"))
    assert found["runtime", "onnxruntime"]["todo"] == "pip install 'l0gm-edge[onnx]'"
    assert found["extra", "onnx"]["there"] is False
    assert "onnxruntime missing" in str(found["extra", "onnx"]["found"])
    assert found["extra", "tflite"]["there"] is True
