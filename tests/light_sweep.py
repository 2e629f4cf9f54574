"""A sweep whose jobs do not train: ``python -m light_sweep -m launcher=joblib about=report,die,wait``.

What a job does is the value of ``about``. Each leaves a file of what it saw of its process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cldnn_lab.config.groups import CONFIGS
from cldnn_lab.launch.job import say
from cldnn_lab.launch.preflight import Refused

SEEN = "seen.json"


@hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")
def job(config: DictConfig) -> float:
    """Leave what can be seen of the process, then do what ``about`` says."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    seen = {
        "pid": os.getpid(),
        "cores": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "place": os.getcwd(),
    }
    if config.about == "wait_apart":  # as a job does that wants another backend
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        seen["pid"] = child.pid
    (folder / SEEN).write_text(json.dumps(seen))
    print("a job speaks", flush=True)
    if config.about == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.about == "fail":
        raise ValueError("on purpose")
    if str(config.about).startswith("wait"):
        try:
            for _ in range(6000):  # Ray interrupts Python, not the system's sleep
                time.sleep(0.1)
        except KeyboardInterrupt:
            (folder / "interrupted").touch()
            raise
    return float(config.seed)


if __name__ == "__main__":
    try:
        job()
    except Refused as refused:
        say(str(refused.mistake))
        raise
    except KeyboardInterrupt:
        sys.exit(130)
