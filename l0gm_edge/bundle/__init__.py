"""The bundle: what a person ships. Models, samples with expected outputs, consumers, bill of materials, digests."""
