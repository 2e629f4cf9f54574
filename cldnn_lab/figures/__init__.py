from cldnn_lab.figures.all import *  # noqa: F403
