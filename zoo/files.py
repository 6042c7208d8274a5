"""Names of the files of a saved captioner; importing this needs no torch."""

CONFIG, WEIGHTS = "config.json", "model.safetensors"
