"""From the text of a config to an experiment or a sweep: places kept, every mistake told, every default written out."""
