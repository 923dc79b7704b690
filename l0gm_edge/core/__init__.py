"""What everything else stands on: the typed values that travel, errors, loading, plug-ins, the run folder."""
