"""What an engine is kept under, and what a board says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from l0gm_edge.ondevice import tensorrt_engine, tensorrt_model, trtexec

KEY = {
    "onnx_sha256": "0" * 64,
    "build_sha256": "1" * 64,
    "tool": "tensorrt",
    "tensorrt": "10.3.0",
    "compute_capability": "8.7",
    "jetpack": "L4T 36.4.3",
}


def test_a_change_of_anything_makes_another_engine() -> None:
    files = {tensorrt_engine.engine_file({**KEY, part: "other"}) for part in KEY}
    assert len(files | {tensorrt_engine.engine_file(KEY)}) == len(KEY) + 1
    assert tensorrt_engine.engine_file(dict(reversed(KEY.items()))) == tensorrt_engine.engine_file(KEY)


def test_engines_lie_where_a_person_says_or_in_their_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("L0GM_EDGE_ENGINES", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tensorrt_engine.cache_folder() == tmp_path / "l0gm-edge" / "engines"
    monkeypatch.setenv("L0GM_EDGE_ENGINES", str(tmp_path / "own"))
    assert tensorrt_engine.cache_folder() == tmp_path / "own"


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n", "L4T 36.4.3"),
        ("# R35 (release), REVISION: 2.1, GCID: 32413640, BOARD: t186ref\n", "L4T 35.2.1"),
        ("something else", None),
    ],
)
def test_jetpack_is_told_by_its_linux(text: str, release: str | None, tmp_path: Path) -> None:
    (tmp_path / "nv_tegra_release").write_text(text)
    assert tensorrt_engine.jetpack(tmp_path / "nv_tegra_release") == release


def test_off_a_jetson_there_is_no_jetpack(tmp_path: Path) -> None:
    assert tensorrt_engine.jetpack(tmp_path / "none") is None


class Engine:
    """An engine with one fixed and one free input."""

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (1, 4) if name == "fixed" else (-1, 4)

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        assert profile == 0
        return [(1, 4), (2, 4), (8, 4)]


def test_free_axes_are_run_as_they_usually_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tensorrt_model.usual_shape(Engine(), "fixed") == (1, 4)
    assert tensorrt_model.usual_shape(Engine(), "free") == (2, 4)
    monkeypatch.chdir(tmp_path)
    engine = trtexec.Engine("trtexec", "10.3.0", "e.engine", {"free": (float, (2, 4))}, ["y"], own=True, free=True)
    assert engine.shapes == ["--shapes=free:2x4"]
