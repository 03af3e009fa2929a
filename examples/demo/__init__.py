"""``make demo``: the main job once, on a phantom, C-STORE in and C-STORE out, with a picture."""
