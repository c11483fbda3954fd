# mypy: ignore-errors
"""The main job as PyTorch's tutorials write it: python torch_script.py DATA EPOCHS SEED PLOT."""

import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_, data, epochs, seed, plot = sys.argv
data = Path(data)
torch.manual_seed(int(seed))


def read(part):
    x = torch.from_numpy(np.load(data / f"x_{part}.npy")).float() / 255
    return TensorDataset(x, torch.from_numpy(np.load(data / f"y_{part}.npy")).long())


train_loader = DataLoader(read("train"), batch_size=64, shuffle=True)
test_loader = DataLoader(read("test"), batch_size=64)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.Sigmoid(), nn.Linear(128, 10))
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters())


def train():
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


def test():
    model.eval()
    right = 0
    with torch.no_grad():
        for x, y in test_loader:
            right += (model(x).argmax(1) == y).sum().item()
    return right / len(test_loader.dataset)


losses = []
for epoch in range(int(epochs)):
    losses.append(train())
    print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")
print(f"test accuracy {test():.4f}")

plt.plot(range(1, len(losses) + 1), losses, label="loss")
plt.legend()
plt.savefig(plot)
