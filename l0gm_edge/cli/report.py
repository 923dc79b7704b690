"""`l0gm-edge report`: the report of a run."""

from __future__ import annotations

from pathlib import Path

from l0gm_edge.cli._stage import stage_command


def _tell(folder: Path, as_json: bool) -> int:
    from l0gm_edge.cli._summary import tell_report
    from l0gm_edge.core.report import Report
    from l0gm_edge.core.store import read_value

    return tell_report(read_value(Report, folder / "report" / "report.json"), folder, as_json=as_json)


command = stage_command("report", "Write the report page.", _tell)
