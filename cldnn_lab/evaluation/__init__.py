"""What a network's outputs are worth: the metrics of each kind of task."""
