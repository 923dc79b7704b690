"""The bundle: what a person ships. Model files, samples with expected outputs, a consumer, the report, and digests."""
