"""What bfloat16 does to features and to their gradients on the pixels: why attacks run in float32.

.venv/bin/python -m benchmarks.precision
"""

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from benchmarks import report
from core.attacks.algorithms.inversion import gaps
from core.catalog.lookup import data_info
from core.catalog.lookup import extractor_info as info
from core.data.split import draw
from core.extractors.build import Extractor, build
from core.system.tables import markdown_table

EXTRACTOR, SIZE, IMAGES = "efficientnet-lite0-imagenet", 64, 64


def features_and_gradient(extractor: Extractor, x: Tensor, ahead: Tensor, *, half: bool) -> tuple[Tensor, Tensor]:
    """Features, and the gradient of <features, ahead> with respect to the pixels.

    Args:
        extractor: the extractor.
        x: (N, C, H, W) images in [0, 1].
        ahead: (N, d) direction in feature space.
        half: whether to use bfloat16.

    Returns:
        Features (N, d) and gradient (N, C, H, W).
    """
    leaf = x.clone().requires_grad_()
    with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
        z = extractor(leaf).float()
    (gradient,) = torch.autograd.grad((z * ahead).sum(), leaf)
    return z.detach(), gradient


def main() -> None:
    """Measure on the CPU and, where there is one, on the GPU."""
    images = draw(data_info("fashion-mnist"), train_size=IMAGES, test_size=20, seed=0).train_x
    header = ["Device", "Features: mean relative error", "largest", "Pixel gradients: median cosine", "smallest"]
    rows, values = [], {}
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        extractor = build(info(EXTRACTOR), SIZE, torch.device(device))
        x = torch.from_numpy(images).to(device).float() / 255.0
        ahead = torch.randn(IMAGES, extractor.info.width, generator=torch.Generator().manual_seed(0)).to(device)
        (z, exact), (half_z, half) = (features_and_gradient(extractor, x, ahead, half=half) for half in (False, True))
        error, cosine = gaps(half_z, z), cosine_similarity(half.flatten(1), exact.flatten(1))
        errors = [float(v) for v in (error.mean(), error.max(), cosine.median(), cosine.min())]
        rows.append([device, *(f"{value:.3f}" for value in errors)])
        values[device] = errors
    note = f"`{EXTRACTOR}` at {SIZE} px on {IMAGES} training images. On {report.machine()}."
    text = f"{markdown_table(header, rows)}\n\n{note}"
    report.write("precision", text, {"machine": report.machine(), "values": values})
    print(text)


if __name__ == "__main__":
    main()
