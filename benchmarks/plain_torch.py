"""The CNN and the CLDNN as they would be written by hand in PyTorch: a ``DataLoader`` and the usual loop.

Eager, float32.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class CLDNN(nn.Module):
    """Four convolutions over (batch, 1, 2, 128), an LSTM over the 120 steps they leave, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 256, (1, 3)),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv2d(256, 256, (2, 3)),
            nn.ReLU(),
            nn.Conv2d(256, 80, (1, 3)),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv2d(80, 80, (1, 3)),
            nn.ReLU(),
        )
        self.lstm = nn.LSTM(80, 50, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(50, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.convolutions(x).squeeze(2).transpose(1, 2)
        return self.dense(self.lstm(maps)[0][:, -1])


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 256, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(256, 128, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3200, 100),
        nn.ReLU(),
        nn.Linear(100, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


MODELS = {"cnn": cnn, "cldnn": CLDNN}


class Trainer:
    """The usual loop around a network.

    Args:
        name: ``cnn`` or ``cldnn``.
        x: float32 (examples, height, width, 1); PyTorch wants the channel first.
        y: classes, (examples,).
        batch_size: examples per batch.
    """

    def __init__(self, name: str, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        self.model = MODELS[name]()
        data = TensorDataset(torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y).long())
        self.loader = DataLoader(data, batch_size=batch_size, shuffle=True)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.loss = nn.CrossEntropyLoss()

    def epochs(self, count: int) -> None:
        """Train so many epochs, with the running accuracy that anyone prints."""
        self.model.train()
        for _ in range(count):
            right = seen = 0
            for x, y in self.loader:
                self.optimizer.zero_grad()
                scores = self.model(x)
                self.loss(scores, y).backward()
                self.optimizer.step()
                right += int((scores.argmax(1) == y).sum())
                seen += len(y)
