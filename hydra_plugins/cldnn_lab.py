"""This project's plugins for Hydra, which takes them from this package alone, and looks here by itself.

``hydra.launcher._target_`` names them as ``hydra_plugins.cldnn_lab.<class>``, which is what each class says of itself.
"""

from cldnn_lab.launch.launchers.joblib import JoblibLauncher
from cldnn_lab.launch.launchers.ray import RayLauncher
from cldnn_lab.launch.launchers.serial import SerialLauncher
from cldnn_lab.launch.launchers.submitit import SubmititLauncher

__all__ = ["JoblibLauncher", "RayLauncher", "SerialLauncher", "SubmititLauncher"]
