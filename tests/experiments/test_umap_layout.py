"""The layout of the map: its forces against finite differences, and what it does with points."""

import torch
from scipy.optimize import curve_fit

from core.experiments import umap_layout
from core.experiments.umap_graph import Graph, fuzzy_union, memberships
from core.heads.neighbours import nearest, neighbours


def clusters(n: int = 300) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    centres = 4 * torch.randn(3, 8, generator=generator)
    return centres[torch.arange(n) % 3] + torch.randn(n, 8, generator=generator)


def graph_of(z: torch.Tensor) -> Graph:
    near, distance = neighbours(z, 14)
    return fuzzy_union(near, memberships(distance))


def test_the_curve_is_that_of_min_dist_and_spread() -> None:
    r = torch.linspace(0, 3, 300).double().numpy()
    wanted = [1.0 if x < 0.1 else float(torch.exp(torch.tensor(-(x - 0.1)))) for x in r]
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), r, wanted)
    torch.testing.assert_close(
        torch.tensor([umap_layout.A, umap_layout.B]).double(), torch.tensor([a, b]), rtol=1e-4, atol=0
    )


def test_attraction_climbs_the_logarithm_of_similarity() -> None:
    x = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    similarity = 1 / (1 + umap_layout.A * x.square().sum(1) ** umap_layout.B)
    (gradient,) = torch.autograd.grad(similarity.log().sum(), x)
    moved = umap_layout._attraction(x.detach().square().sum(1))[:, None] * x.detach()
    torch.testing.assert_close(moved, gradient)


def test_repulsion_climbs_the_logarithm_of_dissimilarity() -> None:
    """But for umap-learn's 0.001, which keeps it finite, and its clipping."""
    x = (1 + torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))).requires_grad_()
    similarity = 1 / (1 + umap_layout.A * x.square().sum(1) ** umap_layout.B)
    (gradient,) = torch.autograd.grad((1 - similarity).log().sum(), x)
    torch.testing.assert_close(umap_layout._push(x.detach()), gradient, rtol=1e-3, atol=0)
    assert float(umap_layout._push(torch.full((1, 2), 1e-3)).abs().max()) <= 4


def test_pulls_are_summed_over_edges() -> None:
    graph = graph_of(clusters(30))
    xy = torch.randn(30, 2, generator=torch.Generator().manual_seed(2))
    source = torch.arange(30).repeat_interleave(graph.start.diff())
    slow = torch.zeros(30, 2)
    for i, j, weight in zip(source.tolist(), graph.target.tolist(), graph.weight.tolist(), strict=True):
        apart = xy[i] - xy[j]
        slow[i] += weight * umap_layout._attraction(apart.square().sum()) * apart
    torch.testing.assert_close(umap_layout._pull(graph, source, xy), slow, rtol=1e-4, atol=1e-5)


def test_shuffling_renames_points_and_nothing_else() -> None:
    graph, order = graph_of(clusters(30)), torch.randperm(30, generator=torch.Generator().manual_seed(3))
    shuffled = umap_layout._shuffled(graph, order)

    def dense(some: Graph) -> torch.Tensor:
        matrix = torch.zeros(30, 30)
        matrix[torch.arange(30).repeat_interleave(some.start.diff()), some.target] = some.weight
        return matrix

    torch.testing.assert_close(dense(shuffled), dense(graph)[order][:, order], rtol=0, atol=0)


def test_a_layout_is_repeatable_and_its_seed_matters() -> None:
    z = clusters(60)
    start = z[:, :2].contiguous()
    first, again, other = (umap_layout.lay_out(graph_of(z), start, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_clusters_come_apart() -> None:
    z = clusters()
    xy = umap_layout.lay_out(graph_of(z), torch.randn(300, 2, generator=torch.Generator().manual_seed(4)), 0)
    rows, _ = neighbours(xy, 15)
    assert float((rows % 3 == torch.arange(300)[:, None] % 3).double().mean()) > 0.95


def test_the_place_of_a_point_does_not_depend_on_the_others() -> None:
    z = clusters()
    xy = umap_layout.lay_out(graph_of(z), z[:, :2].contiguous(), 0)
    new = z[:20] + 0.1
    near, distance = nearest(new, z, 15)
    together = umap_layout.place(near, memberships(distance), xy, 0)
    alone = torch.cat([umap_layout.place(near[i : i + 1], memberships(distance[i : i + 1]), xy, 0) for i in range(20)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    rows, _ = nearest(together, xy, 1)
    assert float((rows[:, 0] % 3 == torch.arange(20) % 3).double().mean()) > 0.9
