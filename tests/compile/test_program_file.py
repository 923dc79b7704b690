"""A .pt2 file from outside gives its program, or is refused by name; nothing in it is executed."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign_files as foreign
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from l0gm_edge.compile import program_file
from l0gm_edge.core.errors import RefusedInput

FUZZ = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(tmp_path: Path, content: bytes) -> Any:
    return program_file.read(foreign.written(tmp_path / "model.pt2", content))


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_what_torch_wrote_is_read_and_computes_the_same(tmp_path: Path) -> None:
    program = read(tmp_path, foreign.program())
    found = program.module(check_guards=False)(foreign.EXAMPLE[0], scale=foreign.EXAMPLE[1])
    torch.testing.assert_close(found, foreign.network()(*foreign.EXAMPLE))


def test_a_pickle_in_the_example_inputs_is_never_executed(tmp_path: Path) -> None:
    mark, buffer = tmp_path / "executed", io.BytesIO()
    torch.save(((Bomb(mark),), {}), buffer)
    with pytest.raises(RefusedInput, match="pickled objects of other classes"):
        read(tmp_path, foreign.replaced("sample_inputs/model.pt", buffer.getvalue()))
    assert not mark.exists()


def test_a_pickled_weight_is_never_executed(tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    def pickled(config: dict[str, Any]) -> None:
        config["config"]["head.bias"]["use_pickle"] = True

    held = foreign.members(foreign.changed("model_weights_config.json", pickled))
    (weight,) = (name for name in held if name.endswith("weights/weight_3"))
    with pytest.raises(RefusedInput, match=r"'head\.bias' is pickled"):
        read(tmp_path, foreign.zipped({**held, weight: pickle.dumps(Bomb(mark))}))
    assert not mark.exists()


def target(name: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"][0]["target"] = name

    return change


def expression(text: str) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["graph_module"]["graph"]["tensor_values"]["image"]["sizes"][0]["as_expr"]["expr_str"] = text

    return change


def argument(value: object) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"] = value

    return change


def renamed(document: Any) -> None:
    document["graph_module"]["graph"]["inputs"][-1]["as_tensor"]["name"] = "x, y=__import__('os').system('true')"


def keyword(document: Any) -> None:
    signature = document["graph_module"]["module_call_graph"][0]["signature"]
    signature["in_spec"] = signature["in_spec"].replace("scale", "scale': print(1), 'x")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (target("torch.os.system"), "operator torch.os.system is not one of a network"),
        (target("torch.ops.aten.from_file.default"), "operator torch.ops.aten.from_file.default"),
        (target("torch.ops.higher_order.cond"), "operator torch.ops.higher_order.cond"),
        (target("torch.ops.mine.special.default"), "operator torch.ops.mine.special.default"),
        (target("_operator.pow"), "operator _operator.pow"),
        (target("_operator.attrgetter"), "operator _operator.attrgetter"),
        (expression("__import__('os').system('true')"), "is no expression of a shape"),
        (expression("9**9**9**9"), "is no expression of a shape"),
        (expression("(lambda: 1)()"), "is no expression of a shape"),
        (expression("s0+" * 400 + "s0"), "too long"),
        (argument({"as_int": 10**11}), "an argument of 100000000000 is absurdly large"),
        (argument({"as_ints": [10**6, 10**6]}), "is absurdly large"),
        (argument({"as_graph": {}}), "control flow"),
        (renamed, "is no name"),
        (keyword, "is no list of names"),
        (lambda document: document.pop("graph_module"), "cannot be read"),
        (lambda document: document.update(graph_module=7), "cannot be read"),
    ],
)
def test_a_graph_that_torch_would_execute_or_not_understand_is_refused(
    tmp_path: Path, change: Callable[[Any], None], words: str
) -> None:
    with pytest.raises(RefusedInput) as caught:
        read(tmp_path, foreign.changed("models/model.json", change))
    assert words in str(caught.value)


def test_guards_are_taken_out(tmp_path: Path) -> None:
    def guarded(document: Any) -> None:
        document["guards_code"] = [f"open({str(tmp_path / 'executed')!r}, 'w')"]

    program = read(tmp_path, foreign.changed("models/model.json", guarded))
    program.module()(foreign.EXAMPLE[0], scale=foreign.EXAMPLE[1])
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("size", [10**12, -1])
def test_an_absurd_weight_is_refused(tmp_path: Path, size: int) -> None:
    def grown(config: dict[str, Any]) -> None:
        config["config"]["head.bias"]["tensor_meta"]["sizes"] = [{"as_int": size}]

    with pytest.raises(RefusedInput, match=r"larger than the \d+ bytes|cannot be read"):
        read(tmp_path, foreign.changed("model_weights_config.json", grown))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(tmp_path: Path, value: float) -> None:
    bias = torch.tensor([0.5, value, 0.5]).numpy().tobytes()
    with pytest.raises(RefusedInput, match=r"weight 'head\.bias' is not finite"):
        read(tmp_path, foreign.replaced("weights/weight_3", bias))


def bomb() -> bytes:
    return foreign.zipped({"a/models/model.json": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)


def outside(name: str) -> bytes:
    return foreign.zipped({**foreign.members(foreign.program()), name: b"x"})


def overlapping() -> bytes:
    """Two members of one and the same bytes."""
    content = bytearray(foreign.zipped({"a/one": bytes(5000), "a/two": bytes(5000)}))
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)  # where the second member begins: at the first
    end = content.rindex(b"PK\x05\x06")
    first_only = content[:5035] + content[content.index(b"PK\x01\x02") : end]
    offset = 5035
    tail = bytearray(content[end:])
    tail[16:20] = offset.to_bytes(4, "little")
    return bytes(first_only + tail)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged or no zip archive"),
        (b"hello", "damaged or no zip archive"),
        (bomb(), "is compressed"),
        (outside("a/../../etc/passwd"), "points outside"),
        (outside("/etc/passwd"), "points outside"),
        (outside("a/..\\x"), "points outside"),
        (outside("b/x"), "2 top folders"),
        (foreign.zipped({"a/x": b"y"}), "it lacks models/model.json"),
        (overlapping(), "archive"),
    ],
)
def test_archives_with_tricks_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(RefusedInput) as caught:
        read(tmp_path, content)
    assert words in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedInput, match="no such model file"):
        program_file.read(tmp_path / "absent.pt2")


@FUZZ
@given(share=st.floats(0, 0.999))
def test_a_file_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    content = foreign.program()
    with pytest.raises(RefusedInput):
        read(tmp_path, content[: int(share * len(content))])


@FUZZ
@given(place=st.floats(0, 0.9999), value=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless(tmp_path: Path, place: float, value: int) -> None:
    content = bytearray(foreign.program())
    content[int(place * len(content))] ^= value
    same_or_refused(tmp_path, bytes(content))


@FUZZ
@given(data=st.data())
def test_a_graph_with_anything_anywhere_is_refused_or_read(tmp_path: Path, data: st.DataObject) -> None:
    """Checksums right, contents wrong: what a flipped byte does not reach."""

    def broken(document: Any) -> None:
        holder, key = data.draw(st.sampled_from(list(places(document))))
        holder[key] = data.draw(st.sampled_from([None, -1, 2**70, "", "x" * 9, [], {}, [[]], {"as_int": 10**15}, 0.5]))

    name = data.draw(st.sampled_from(["models/model.json", "model_weights_config.json"]))
    try:
        program = read(tmp_path, foreign.changed(name, broken))
    except RefusedInput:
        return
    assert program.graph_signature.user_outputs


def places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def same_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        program = read(tmp_path, content)
    except RefusedInput:
        return
    found = program.module(check_guards=False)(foreign.EXAMPLE[0], scale=foreign.EXAMPLE[1])
    torch.testing.assert_close(found, foreign.network()(*foreign.EXAMPLE))


def test_the_graph_is_json(tmp_path: Path) -> None:
    """What the other tests change stands where they change it."""
    document = json.loads(
        next(value for name, value in foreign.members(foreign.program()).items() if name.endswith(foreign.GRAPH))
    )
    assert document["graph_module"]["graph"]["nodes"][0]["target"] == "torch.ops.aten.conv2d.default"
