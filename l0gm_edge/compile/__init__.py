"""Export of trained models to the runtimes' file formats, and the look into what came out."""
