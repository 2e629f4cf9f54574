"""This project's plugins for Hydra, which takes them from this package alone, and looks here by itself.

``hydra.launcher._target_`` and ``hydra.sweeper._target_`` name them as ``hydra_plugins.cldnn_lab.<class>``, which is
what each class says of itself. Every start of Hydra imports this module: what is heavy is imported when it is used.
"""

from cldnn_lab.launch.launchers.joblib import JoblibLauncher
from cldnn_lab.launch.launchers.ray import RayLauncher
from cldnn_lab.launch.launchers.serial import SerialLauncher
from cldnn_lab.launch.launchers.submitit import SubmititLauncher
from cldnn_lab.launch.sweepers.grid import GridSweeper
from cldnn_lab.launch.sweepers.listed import ListedSweeper
from cldnn_lab.launch.sweepers.optuna import OptunaSweeper

__all__ = [
    "GridSweeper",
    "JoblibLauncher",
    "ListedSweeper",
    "OptunaSweeper",
    "RayLauncher",
    "SerialLauncher",
    "SubmititLauncher",
]
