"""The report page, its Markdown and JSON, from a finished run."""
