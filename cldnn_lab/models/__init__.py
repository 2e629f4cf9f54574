"""Networks: a list of Keras layers in YAML, checked without Keras and then built with it."""
