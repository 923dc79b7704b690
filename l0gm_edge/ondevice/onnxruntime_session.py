"""Opens sessions of ONNX Runtime as a job says: providers in order, threads, memory; never with less than was asked.

For Python 3.8, standard library only; imported by the programs beside it.
"""

from __future__ import annotations

from typing import Any

CPU = "CPUExecutionProvider"


class FellBack(Exception):
    """The session would not have the providers that were asked for."""


def open_session(onnxruntime: Any, path: str, threads: int, opening: dict[str, Any], options: Any | None = None) -> Any:
    """A session with every graph optimisation; `opening` holds `providers`, by name, each with its options, and
    `settings`. Raises FellBack."""
    providers = opening.get("providers") or {CPU: {}}
    available = onnxruntime.get_available_providers()
    lacking = [one for one in providers if one not in available]
    if lacking:
        raise FellBack(f"ONNX Runtime here lacks {plain(lacking)}; this build has {plain(available)}")
    options = options or onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    apply(onnxruntime, options, threads, opening.get("settings", {}))
    if CPU not in providers:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        session = onnxruntime.InferenceSession(path, options, providers=list(providers.items()), enable_fallback=False)
    except Exception as error:
        if CPU not in providers and "fallback" in str(error):
            raise FellBack(f"{plain(providers)} cannot run all of it, and the CPU may not help") from error
        raise
    opened = [one for one in session.get_providers() if one != CPU or CPU in providers]
    if opened != list(providers):
        raise FellBack(f"asked for {plain(providers)}; ONNX Runtime fell back to {plain(session.get_providers())}")
    return session


def apply(onnxruntime: Any, options: Any, threads: int, settings: dict[str, Any]) -> None:
    """Put settings into a session's options; what they leave null stays as the runtime has it."""
    side_by_side = settings.get("inter_op_threads")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = side_by_side or 1
    if side_by_side:
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
    if settings.get("spinning") is not None:
        for pool in ("intra_op", "inter_op"):
            options.add_session_config_entry(f"session.{pool}.allow_spinning", str(int(settings["spinning"])))
    if settings.get("arena") is not None:
        options.enable_cpu_mem_arena = settings["arena"]
    if settings.get("memory_pattern") is not None:
        options.enable_mem_pattern = settings["memory_pattern"]


def plain(providers: Any) -> str:
    """Names of providers as people say them."""
    return ", ".join(one[: -len("ExecutionProvider")] for one in providers)
