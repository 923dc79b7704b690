"""The order of the road. Only this package knows which stage follows which, and what each leaves in the run folder."""

from l0gm_edge.pipeline.road import STAGES, run, run_stage

__all__ = ["STAGES", "run", "run_stage"]
