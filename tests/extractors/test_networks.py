"""Our own networks, beside timm's ResNet with the same changes, of which they were made before."""

import pytest
import torch
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from core.extractors.networks import ARCHS, STEM, network


def by_timm(name: str) -> nn.Module:
    arch = ARCHS[name]
    model: nn.Module = ResNet(BasicBlock, arch.layers, num_classes=0, channels=arch.channels)
    model.conv1 = nn.Conv2d(3, STEM, 3, stride=arch.stride, padding=1, bias=False)
    model.maxpool = nn.Identity()
    for part in model.get_submodule("layer4").modules():
        if isinstance(part, nn.Conv2d) and part.stride != (1, 1):
            part.stride = (arch.last_stride, arch.last_stride)
    model.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(arch.pool), nn.Flatten())
    return model


@pytest.mark.parametrize("name", ARCHS)
@pytest.mark.parametrize("is_training", [False, True])
def test_names_weights_features_and_gradients_are_those_of_timm(name: str, is_training: bool) -> None:
    torch.manual_seed(3)
    theirs = by_timm(name)
    after = torch.rand(4)
    torch.manual_seed(3)
    ours = network(name)
    assert torch.equal(torch.rand(4), after), "as many random numbers were drawn"
    a, b = theirs.state_dict(), ours.state_dict()
    assert list(a) == list(b), "in this order features are named by their weights"
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert [key for key, _ in theirs.named_parameters()] == [key for key, _ in ours.named_parameters()]
    results = []
    for model in (theirs, ours):
        torch.manual_seed(4)
        with torch.no_grad():  # zeros in the last BatchNorms would hide the second convolutions
            for weight in model.parameters():
                weight.add_(0.05 * torch.randn(weight.shape))
        x = torch.rand(3, 3, 28, 28).requires_grad_()
        features = model.train(is_training)(x)
        features.square().mean().backward()
        results.append((features.detach(), x.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
