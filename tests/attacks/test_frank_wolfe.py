"""Frank-Wolfe over the poison: its influence against refitted heads, its atoms, its exchanges and its rules."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from core.attacks.algorithms.base import Attacked
from core.attacks.algorithms.evasion import TOLERANCE
from core.attacks.algorithms.frank_wolfe import Exchange, Poison, State
from core.attacks.algorithms.implicit import DAMPING, clean_response, influences, pullback
from core.attacks.algorithms.outer import ALIKE
from core.attacks.algorithms.plan import allowed_pairs, make_plan, rank_by_passing
from core.attacks.execution import execute
from core.extractors import batches
from core.heads import logistic as head
from core.spec.events import Event, silent
from core.spec.experiment import ExperimentSpec, LabelRule
from core.system.errors import Cancelled
from tests import tiny

N_POISON = 12


def exchange(spec: ExperimentSpec, steps: int = 8, n_atoms: int = 6) -> Exchange:
    scene = tiny.scene()
    return Exchange(scene, make_plan(scene, spec), n_atoms, steps, 1e-2)


def started(spec: ExperimentSpec, steps: int = 8) -> tuple[Exchange, State]:
    """The rounds of a spec, and the state before the first."""
    rounds = exchange(spec, steps)
    return rounds, rounds._judged(rounds.influential())


def outer_loss(z: Tensor, y: Tensor, weights: Tensor) -> float:
    """The outer loss on the training set after a slow, weighted fit of the head by Newton's method on its full Hessian.

    Args:
        z: (N, d) features.
        y: (N,) labels.
        weights: (N,) weights, of which the mean is taken.
    """
    scene = tiny.scene()
    z1, c = head.with_ones(z), scene.n_classes
    row = z1.new_full((z1.shape[1],), scene.ridge)
    row[-1] = 0.0

    def objective(flat: Tensor) -> Tensor:
        theta = flat.reshape(c, -1)
        losses = torch.nn.functional.cross_entropy(z1 @ theta.T, y, reduction="none")
        return (weights * losses).sum() / weights.sum() + 0.5 * (row * theta.square()).sum()

    flat = scene.clean_head.flatten()
    for _ in range(4):  # from the optimum of a training set that differs by next to nothing
        gradient = torch.autograd.functional.jacobian(objective, flat)
        hessian = torch.autograd.functional.hessian(objective, flat)
        # All biases may move together: the least-squares step leaves that direction alone.
        flat = flat - torch.linalg.lstsq(hessian, gradient, driver="gelsd").solution
    assert float(torch.autograd.functional.jacobian(objective, flat).norm()) < 1e-13
    return float(ALIKE(scene.problem.z @ flat.reshape(c, -1).T, scene.problem.z, scene.y)[0])


def test_differences_of_the_closed_form_are_those_of_refitted_outer_losses() -> None:
    """Without damping, as the weight of the added point goes to 0; the common term of its pull on the mean cancels."""
    scene, weight = tiny.scene(), 1e-4
    problem = scene.problem
    theta = head.solve(problem, scene.clean_head, tol=1e-13)
    _, outer = ALIKE(problem.z @ theta.T, problem.z, scene.y)
    q = head.conjugate_gradients(problem.gradient(theta)[1], outer, tol=1e-13, max_iter=5000)
    closed = influences(theta, q, scene.z)
    pairs = [(0, 3), (0, 8), (17, int(scene.y[17])), (101, 5), (250, 0)]

    def rise(row: int, label: int, share: float) -> float:
        z, y = torch.cat([scene.z, scene.z[row : row + 1]]), torch.cat([scene.y, torch.tensor([label])])
        return outer_loss(z, y, torch.cat([torch.ones(300), torch.tensor([share])]).double())

    # Central differences in the weight leave an error of second order.
    slow = [(rise(*pair, weight) - rise(*pair, -weight)) / (2 * weight) * 300 for pair in pairs]
    fast = [float(closed[pair]) for pair in pairs]
    for i in range(1, len(pairs)):
        assert slow[i] - slow[0] == pytest.approx(fast[i] - fast[0], rel=1e-4)
    assert max(fast) - min(fast) > 1e-2


def test_the_influence_of_a_pair_is_the_product_with_its_gradient() -> None:
    scene = tiny.scene()
    q, p = clean_response(scene, 0.0)
    closed = influences(scene.clean_head, q, scene.z)
    for label in (0, 4, 9):
        slow = -((scene.problem.z @ q.T) * head.errors(p, torch.full_like(scene.y, label))).sum(1)
        torch.testing.assert_close(closed[:, label], slow)


def test_the_gradient_of_the_influence_equals_finite_differences_over_pixels() -> None:
    scene = tiny.scene()
    q, _ = clean_response(scene, 1e-2)
    x, y = scene.images[:5].double(), torch.tensor([1, 4, 0, 9, 2])

    def influence(x: Tensor) -> Tensor:
        return influences(scene.clean_head, q, scene.pipeline(x)).gather(1, y[:, None])[:, 0]

    leaf = x.clone().requires_grad_()
    z = scene.pipeline(leaf)
    p = torch.softmax(head.logits(scene.clean_head, z), 1)
    (gradient,) = torch.autograd.grad(z, leaf, pullback(scene.clean_head, z, p, y, q, -1.0).detach())
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        slow = (influence(x + 1e-6 * direction) - influence(x - 1e-6 * direction)) / 2e-6
        torch.testing.assert_close((gradient * direction).flatten(1).sum(1), slow, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("constraint", ["none", "valid", "perturbation"])
@pytest.mark.parametrize("rule", ["clean", "random", "adversarial", "chosen"])
def test_atoms_raise_the_influence_that_they_climb(constraint: str, rule: LabelRule) -> None:
    rounds, state = started(tiny.spec("fw-input", constraint=constraint, label_rule=rule))
    scene, rows = tiny.scene(), torch.tensor([3, 70, 140, 299])
    y = allowed_pairs(scene, rounds._plan)[rows].long().argmax(1)
    atoms, most = rounds.climbed(rows, y, state, lambda step: None)
    before = influences(state.probe.theta, state.q, scene.z[rows]).gather(1, y[:, None])[:, 0]
    assert bool((most > before).all())
    assert torch.equal(atoms.base, rows)
    assert torch.equal(atoms.y, y)
    exported = rounds._plan.feasible.eight_bit(atoms.x, scene.images[rows])
    torch.testing.assert_close(atoms.z, scene.features(exported), atol=1e-5, rtol=1e-5)
    after = influences(state.probe.theta, state.q, scene.features(exported)).gather(1, y[:, None])[:, 0]
    torch.testing.assert_close(after, most, atol=1e-6, rtol=1e-4)


def test_atoms_do_not_depend_on_how_they_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds, state = started(tiny.spec("fw-input", label_rule="clean"))
    rows = torch.arange(7)
    whole, _ = rounds.climbed(rows, tiny.scene().y[rows], state, lambda step: None)
    monkeypatch.setitem(batches.CPU, "gradient", 3)
    steps: list[int] = []
    parts, _ = rounds.climbed(rows, tiny.scene().y[rows], state, steps.append)
    torch.testing.assert_close(parts.x, whole.x)
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 8)


def test_the_start_is_the_pairs_of_largest_influence() -> None:
    scene = tiny.scene()
    for rule in ("clean", "adversarial", "chosen"):
        spec = tiny.spec("fw-input", label_rule=rule)
        start = exchange(spec).influential()
        gain = influences(scene.clean_head, clean_response(scene, 1e-2)[0], scene.z)
        allowed = allowed_pairs(scene, make_plan(scene, spec))
        listed = sorted(
            ((float(gain[i, k]), i, k) for i in range(300) for k in range(10) if allowed[i, k]), reverse=True
        )
        assert {(i, k) for _, i, k in listed[:N_POISON]} == set(zip(start.base.tolist(), start.y.tolist(), strict=True))
        assert torch.equal(start.x, scene.images[start.base])


def test_the_least_harmful_are_exchanged_for_the_strongest() -> None:
    rounds, state = started(tiny.spec("fw-input", label_rule="clean"))
    atoms, gain = rounds.climbed(torch.tensor([10, 20, 30]), tiny.scene().y[[10, 20, 30]], state, lambda step: None)
    after, count = rounds._improved(state, atoms, gain, 3)
    assert count > 0
    assert after.probe.damage > state.probe.damage
    own = influences(state.probe.theta, state.q, state.poison.z).gather(1, state.poison.y[:, None])[:, 0]
    weakest = sorted(range(N_POISON), key=lambda i: float(own[i]))[:count]
    strongest = sorted(range(3), key=lambda i: -float(gain[i]))[:count]
    for i in range(N_POISON):
        if i in weakest:
            j = strongest[weakest.index(i)]
            assert torch.equal(after.poison.x[i], atoms.x[j])
            assert (after.poison.base[i], after.poison.y[i]) == (atoms.base[j], atoms.y[j])
        else:
            assert torch.equal(after.poison.x[i], state.poison.x[i])
            assert after.poison.base[i] == state.poison.base[i]


def test_an_exchange_that_lowers_the_outer_loss_is_halved_then_refused() -> None:
    """Copies of clean points under their own labels harm less than what they would replace."""
    rounds, state = started(tiny.spec("fw-input", label_rule="clean"))
    scene = tiny.scene()
    own = influences(state.probe.theta, state.q, scene.z).gather(1, scene.y[:, None])[:, 0]
    rows = own.topk(6, largest=False).indices
    tried: list[int] = []
    judged = rounds._judged

    def counted(poison: Poison) -> State:
        tried.append(int((poison.base != state.poison.base).sum()))
        return judged(poison)

    rounds._judged = counted  # type: ignore[method-assign]
    after, count = rounds._improved(state, Poison.real(scene, rows, scene.y[rows]), own[rows], 6)
    assert tried == [6, 3, 1]
    assert (after, count) == (state, 0)


def test_the_outer_loss_rises_from_round_to_round_and_exceeds_that_of_real_images() -> None:
    events: list[Event] = []
    rounds = exchange(tiny.spec("fw-input", label_rule="clean"), steps=10)
    start = rounds.influential()
    poison, notes = rounds.run(start, 6, events.append)
    losses = [event.values["damage"] for event in events if event.values]
    assert losses == sorted(losses)
    scene = tiny.scene()

    def refitted(poison: Poison) -> float:
        theta = scene.retrained(poison.z, poison.y)
        return float(ALIKE(scene.problem.z @ theta.T, scene.problem.z, scene.y)[0])

    assert refitted(start) == pytest.approx(losses[0], abs=1e-6)
    assert refitted(poison) == pytest.approx(losses[-1], abs=1e-6)
    assert losses[-1] > 1.05 * losses[0]
    assert 1 <= notes["rounds"] <= 6
    assert notes["exchanged"] >= notes["rounds"]


def attack(**values: object) -> Attacked:
    return execute(tiny.spec("fw-input", **values), tiny.scene(), silent)


def test_the_joint_ascent_starts_from_the_rounds_and_is_no_worse_on_the_training_set() -> None:
    scene = tiny.scene()

    def train_accuracy(made: Attacked) -> float:
        assert made.x is not None
        return head.accuracy(scene.retrained(scene.features(made.x), made.y), scene.z, scene.y)

    rounds_only = attack(label_rule="clean", budget=0.1, attack={"joint_steps": 0})
    both = attack(label_rule="clean", budget=0.1, attack={"joint_steps": 20})
    assert torch.equal(both.base, rounds_only.base)
    assert train_accuracy(both) < train_accuracy(rounds_only)


def test_it_harms_more_than_real_images_under_the_same_rule() -> None:
    scene = tiny.scene()

    def loss(made: Attacked) -> float:
        assert made.x is not None
        theta = scene.retrained(scene.features(made.x), made.y)
        return float(ALIKE(scene.problem.z @ theta.T, scene.problem.z, scene.y)[0])

    for rule in ("random", "adversarial", "chosen"):
        made = attack(label_rule=rule, attack={"joint_steps": 0, "inner_steps": 20})
        flips = execute(tiny.spec("label-flip", label_rule=rule), scene, silent)
        assert loss(made) > loss(flips)


@pytest.mark.parametrize("rule", ["clean", "random", "chosen"])
@pytest.mark.parametrize("budget", [1 / 300, 1.0])
def test_the_smallest_and_the_largest_budget_are_kept(budget: float, rule: LabelRule) -> None:
    """One sample with more atoms asked for than there are samples; as many samples as clean points."""
    made = attack(label_rule=rule, budget=budget, attack={"rounds": 2, "inner_steps": 2, "joint_steps": 0})
    m = round(300 * budget)
    assert made.x is not None
    assert (len(made.x), len(made.y), len(made.base)) == (m, m, m)
    assert 0 <= made.notes["exchanged"] <= 2 * min(m, 6)


def test_seeds_reproduce() -> None:
    first, again = attack(seed=5, label_rule="random"), attack(seed=5, label_rule="random")
    assert first.x is not None
    assert again.x is not None
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.base, again.base)
    assert torch.equal(first.y, again.y)
    assert first.notes == again.notes


def test_random_labels_are_drawn_for_the_images_and_not_chosen() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("fw-input", label_rule="random"))
    allowed = allowed_pairs(scene, plan)
    assert torch.equal(allowed.sum(1), torch.ones(300, dtype=torch.int64))
    label = allowed.long().argmax(1)
    assert bool((label != scene.y).all())
    assert torch.equal(label[plan.base], plan.y)
    counts = torch.bincount((label - scene.y) % 10, minlength=10)
    assert counts[1:].min() >= 15
    made = attack(label_rule="random")
    assert torch.equal(made.y, label[made.base])
    other = allowed_pairs(scene, make_plan(scene, tiny.spec("fw-input", label_rule="random", seed=1)))
    assert not torch.equal(other, allowed)


def test_the_chosen_label_is_the_one_of_largest_influence() -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("tgda-input", label_rule="chosen"))
    gain = influences(scene.clean_head, clean_response(scene, DAMPING)[0], scene.z)
    for i in range(0, 300, 7):
        assert int(plan.label_for[i]) == max(range(10), key=lambda k, i=i: float(gain[i, k]))
    assert torch.equal(plan.y, plan.label_for[plan.base])
    assert bool((plan.label_for == scene.y).any())
    assert bool((plan.label_for != scene.y).any())
    assert bool(allowed_pairs(scene, plan).all())


@pytest.mark.parametrize("name", ["sphere", "loss"])
def test_the_chosen_label_passes_the_filter_where_one_does(name: str) -> None:
    scene = tiny.scene()
    plan = make_plan(scene, tiny.spec("tgda-input", label_rule="chosen", evade=name))
    filter_ = plan.feasible.filter
    assert filter_ is not None
    excess = filter_.clean.gather(1, plan.label_for[:, None])[:, 0]
    passes_some = (filter_.clean <= TOLERANCE).any(1)
    assert bool((excess[passes_some] <= TOLERANCE).all())
    assert torch.equal(excess[~passes_some], filter_.clean[~passes_some].amin(1))
    gain = influences(scene.clean_head, clean_response(scene)[0], scene.z)
    rank = rank_by_passing(gain, filter_)
    fails = filter_.clean > TOLERANCE
    assert rank[fails].max() < rank[~fails].min()
    assert torch.equal(rank[~fails], gain[~fails])


@pytest.mark.parametrize("name", ["sphere", "slab", "svd", "loss"])
def test_exchanges_never_add_what_the_filter_finds(name: str) -> None:
    events: list[Event] = []
    spec = tiny.spec("fw-input", label_rule="clean", evade=name)
    rounds = exchange(spec)
    filter_ = rounds._plan.feasible.filter
    assert filter_ is not None
    rounds.run(rounds.influential(), 4, events.append)
    failing = []
    for event in events:
        if event.snapshot is not None:
            shown = event.snapshot()
            assert shown.z is not None
            assert shown.y is not None
            failing.append(int((~filter_.passes(shown.z, shown.y)).sum()))
    assert failing == sorted(failing, reverse=True)


def test_labels_of_each_snapshot_are_those_of_its_images() -> None:
    """Under the rule of own labels they change with the exchanged images, as the trajectory has to know."""
    shown: list[tuple[Tensor, Tensor]] = []

    def look(event: Event) -> None:
        if event.stage == "exchange" and event.snapshot is not None:
            now = event.snapshot()
            assert now.x is not None
            assert now.y is not None
            shown.append((now.x, now.y))

    spec = tiny.spec("fw-input", label_rule="clean", attack={"rounds": 6, "inner_steps": 1, "atoms": 12})
    made = execute(spec, tiny.scene(), look)
    assert torch.equal(shown[-1][1], made.y)
    assert not torch.equal(shown[0][1], made.y)
    images = {bytes((255 * x).byte().numpy()): int(y) for x, y in zip(tiny.scene().images, tiny.scene().y, strict=True)}
    assert [images[bytes((255 * x).byte().numpy())] for x in shown[0][0]] == shown[0][1].tolist()


def test_it_can_be_cancelled_inside_every_round() -> None:
    reached: list[int] = []

    def stop_at(done: int) -> Callable[[Event], None]:
        def observe(event: Event) -> None:
            if event.done >= done:
                reached.append(event.done)
                raise Cancelled("stop")

        return observe

    rounds, steps = 3, 4
    for done in range(rounds * steps):
        with pytest.raises(Cancelled):
            execute(tiny.spec("fw-input", label_rule="clean"), tiny.scene(), stop_at(done))
    assert reached == list(range(rounds * steps))


def test_the_attack_returns_what_the_rounds_end_with() -> None:
    made = attack(label_rule="clean", attack={"joint_steps": 0})
    scene, spec = tiny.scene(), tiny.spec("fw-input", label_rule="clean", attack={"joint_steps": 0})
    rounds = Exchange(scene, make_plan(scene, spec), 6, 4, 1e-2)
    poison, notes = rounds.run(rounds.influential(), 3, silent)
    assert made.x is not None
    torch.testing.assert_close(made.x, rounds._plan.feasible.eight_bit(poison.x, scene.images[poison.base]))
    assert made.notes == notes
