# mypy: ignore-errors
"""An epoch of a PyTorch loop: python torch_epoch.py PIPE DATA EXAMPLES FAMILY."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.peers.turns import take_turns

_, _, data, examples, family = sys.argv
data, examples = Path(data), int(examples)
x_train = torch.from_numpy(np.load(data / "x_train.npy")[:examples]).float() / 255
y_train = torch.from_numpy(np.load(data / "y_train.npy")[:examples]).long()
x_test = torch.from_numpy(np.load(data / "x_test.npy")).float() / 255
y_test = torch.from_numpy(np.load(data / "y_test.npy")).long()


class LastOutput(nn.Module):
    """An LSTM of which the output at the last row counts."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 64, batch_first=True)

    def forward(self, x):
        outputs, _ = self.lstm(x)
        return outputs[:, -1]


FAMILIES = {
    "784-128-10": lambda: [nn.Flatten(), nn.Linear(784, 128), nn.Sigmoid(), nn.Linear(128, 10)],
    "784-1024-10": lambda: [nn.Flatten(), nn.Linear(784, 1024), nn.Sigmoid(), nn.Linear(1024, 10)],
    "784-256-128-64-10": lambda: [
        nn.Flatten(),
        nn.Linear(784, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    ],
    "BatchNorm and Dropout": lambda: [
        nn.Flatten(),
        nn.Linear(784, 256),
        nn.BatchNorm1d(256),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.BatchNorm1d(128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 10),
    ],
    "CNN 32-64-128": lambda: [
        nn.Unflatten(1, (1, 28)),
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3 * 3 * 128, 10),
    ],
    "LSTM 64": lambda: [LastOutput(), nn.Linear(64, 10)],
}
all_threads = torch.get_num_threads()
loss_of = nn.CrossEntropyLoss()


def step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()


def as_tutorials():
    model = nn.Sequential(*FAMILIES[family]())
    optimizer = torch.optim.Adam(model.parameters())
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)

    def train():
        torch.set_num_threads(all_threads)
        model.train()
        for x, y in loader:
            step(model, optimizer, x, y)

    return "", train, lambda: accuracy(model)


def as_fast_as_plain_code_goes(threads):
    model = nn.Sequential(*FAMILIES[family]())
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def train():
        torch.set_num_threads(threads)
        model.train()
        for index in torch.randperm(len(x_train)).split(64):
            step(model, optimizer, x_train[index], y_train[index])

    return "", train, lambda: accuracy(model)


def accuracy(model):
    model.eval()
    with torch.inference_mode():
        return (model(x_test).argmax(1) == y_test).float().mean().item()


take_turns(
    {
        "PyTorch, DataLoader": as_tutorials(),
        "PyTorch, data in a tensor": as_fast_as_plain_code_goes(all_threads),
        "PyTorch, the same on one thread": as_fast_as_plain_code_goes(1),
    }
)
