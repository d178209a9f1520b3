"""Stages that several attacks share: their formulas, texts and costs."""

from dataclasses import replace

from core.attacks.parts.settings import LEVERAGE_POWER, FeatureTargetedSettings, InversionSettings, TargetSettings
from core.attacks.record import Explanation, Stage, Workload, lines
from core.spec.experiment import ExperimentSpec
from core.system.numbers import counted, digits

GRADPC = Explanation(
    lines(
        r"\theta_{t+1} &= \Pi_r \Big( \theta_t + \tfrac{2r}{T} \, "
        r"\frac{\nabla L(\theta_t)}{\lVert \nabla L(\theta_t) \rVert} \Big),",
        r"\Pi_r &: \text{onto } \lVert \theta - \theta^* \rVert \le r",
    ),
    "**GradPC**: from the clean head uphill on the training loss, inside a ball of radius $r$. This is the head that "
    "the attacker would like the defender to train. No poison exists yet.",
)
GRADIENT_CANCELING = Explanation(
    lines(
        r"\min_{\zeta}\; \tfrac12 \big\lVert\, & g_{\mathrm{clean}}(\hat\theta) + \varepsilon\, "
        r"g_{\mathrm{poison}}(\hat\theta; \zeta)",
        r"& + (1 + \varepsilon)\,\lambda \hat W \,\big\rVert^2",
    ),
    "**Gradient Canceling**: poisoned features $\\zeta$ whose gradient cancels that of the clean data at the target "
    "$\\hat\\theta$. If nothing is left, the target is the defender's best head.",
)
TOTAL_GRADIENT_ASCENT = Explanation(
    lines(
        r"& \max_{\zeta}\; L\big(\theta^*(\zeta)\big), \qquad q = (H + \gamma I)^{-1} \nabla L,",
        r"& \frac{\mathrm{d}L}{\mathrm{d}\zeta} = -\frac1N \frac{\partial}{\partial \zeta} \big\langle q, "
        r"\nabla_\theta \mathrm{CE}(\theta^*; \zeta, y) \big\rangle",
    ),
    "**Total gradient ascent**: the defender's head is solved again at each step, and the features move so that its "
    "loss on clean data rises. It needs no target head.",
)
NEAR_IMAGES = Explanation(
    lines(
        r"& \max_{\zeta,\, x}\; L\big(\theta^*(\zeta)\big) \quad \text{with } x \text{ allowed},",
        r"& \lVert \zeta - f(x) \rVert \le \rho\, \lVert f(x) \rVert",
    ),
    "**Total gradient ascent near images**: the features move so that the loss of the head on clean data rises, but "
    "only within a distance $\\rho$ of the features of an image $x$, which follows them from round to round.",
)
TOTAL_GRADIENT_ASCENT_ON_PIXELS = Explanation(
    lines(r"\max_{x}\; & L\big(\theta^*(f(x))\big)", r"& \text{with } x \text{ allowed}"),
    "**Total gradient ascent on pixels**: the head's own gradient, pulled back through the extractor. What is shown is "
    "the best so far *on the training set*: the attacker has no test set.",
)
FEATURE_MATCHING = Explanation(
    lines(
        r"\min_{x}\; & \frac{\lVert f(x) - \zeta \rVert^2}{\lVert \zeta \rVert^2} "
        r"+ \beta \lVert x - x_{\mathrm{base}} \rVert^2",
        r"& \text{with } x \text{ allowed}",
    ),
    "**Feature matching**: pixels change until the image's features come near the poisoned ones. Each poison keeps "
    "its closest match so far.",
)
FRANK_WOLFE = Explanation(
    lines(
        r"I(z, y) &= \tfrac1N \big( s_y - \langle p, s \rangle \big),",
        r"s &= q\,(z, 1), \qquad p = \mathrm{softmax}(\theta^* (z, 1)),",
        r"q &= (H + \gamma I)^{-1} \nabla L(\theta^*)",
    ),
    "**Frank–Wolfe**: $I$ is how much the loss $L$ on clean data rises, to first order, if an image with features $z$ "
    "is added under the label $y$. In each round the best real images climb $I$ with the head frozen, and the "
    "poisoned samples of least $I$ are exchanged for them. On the map, a long line is an exchange.",
)

BY_LEVERAGE = (
    f" In $L$ each training point counts $(1 - h)^{LEVERAGE_POWER}$, with $h$ its leverage: those that the clean head "
    "has learnt by heart count less, as other points do not follow them."
)


def exchange_explained(outer: str) -> Explanation:
    """Frank-Wolfe over the poison with the outer loss of this name."""
    return replace(FRANK_WOLFE, text=FRANK_WOLFE.text + BY_LEVERAGE) if outer == "leverage" else FRANK_WOLFE


def outer_steps(outer: str) -> list[str]:
    """The report's step on the outer loss of this name, where it is not the usual one."""
    words = (
        "Count each training point in the loss that is raised by how little its leverage is, so that those which the "
        "clean head has learnt by heart matter less."
    )
    return [words] if outer == "leverage" else []


ASCENT_TEXT = (
    "move them so that a head trained to convergence on clean and poisoned points errs as much as possible (total "
    "gradient ascent, through the optimum of the head)"
)
CANCELING_TEXT = (
    "move them until they cancel the gradient of the clean data at the target, so that training would end there "
    "(Gradient Canceling)"
)


def target_step(settings: TargetSettings) -> str:
    """The report's step on the choice of target parameters."""
    radius = (
        "at several radii, of which the one whose poison does most harm is kept"
        if settings.target == "search"
        else f"at radius {digits(settings.radius)}"
    )
    return (
        "Choose a target: the parameters of a bad head near the clean one, found by climbing the training loss "
        f"(GradPC, {radius})."
    )


def feature_targeted_steps(spec: ExperimentSpec, inversion: str) -> list[str]:
    """The report's steps on a feature-targeted attack.

    Args:
        spec: the experiment, with `FeatureTargetedSettings`.
        inversion: the step that turns features into images.
    """
    settings = spec.attack
    assert isinstance(settings, FeatureTargetedSettings)
    by_influence = isinstance(settings, InversionSettings) and settings.bases == "influence"
    bases = "that would do most harm as they are" if by_influence and spec.label_rule != "random" else "drawn at random"
    how = CANCELING_TEXT if settings.stage2 == "gc" else ASCENT_TEXT
    steps = [target_step(settings)] if settings.uses_target else []
    steps += [
        f"Find poisoned features: take the features of {counted(spec.n_poison, 'training image')} {bases}, and {how}.",
        inversion,
    ]
    if isinstance(settings, InversionSettings) and settings.finish_steps:
        steps.append(
            f"Finish on the pixels: for {counted(settings.finish_steps, 'more step')}, move them along the gradient of "
            "the harm itself, through the extractor and the head that the defender will train."
        )
    return steps


TARGET = Stage(
    "target",
    explain=lambda settings: GRADPC,
    work=lambda settings, load: load.clean_head_step,
    used=lambda settings: bool(settings.uses_target),
    single_try=lambda settings: False,
)


def is_single_target(settings: TargetSettings) -> bool:
    """Whether there is a single target, so that all steps belong to one attempt."""
    return len(settings.radii) == 1


def _features_work(settings: FeatureTargetedSettings, load: Workload) -> float:
    return settings.steps * load.head_step * len(settings.radii)


ONLY_IMAGES = {"none": "its images are always images, with pixels in [0, 1]."}
"""Why attacks that invert features don't run under the constraint `none`."""

FEATURES_BY_CANCELING = Stage(
    "stage2",
    explain=lambda settings: GRADIENT_CANCELING,
    work=_features_work,
    variant=lambda settings: "gc",
    single_try=is_single_target,
)
FEATURES_BY_ASCENT = Stage(
    "stage2",
    explain=lambda settings: TOTAL_GRADIENT_ASCENT,
    work=lambda settings, load: settings.steps * load.head_step,
    variant=lambda settings: "tgda",
)
FEATURES_BY_EITHER = Stage(
    "stage2",
    explain=lambda settings: GRADIENT_CANCELING if settings.stage2 == "gc" else TOTAL_GRADIENT_ASCENT,
    work=_features_work,
    variant=lambda settings: str(settings.stage2),
    single_try=is_single_target,
)


def finish_work(settings: InversionSettings, load: Workload) -> float:
    """Work of the finishing steps."""
    return settings.finish_steps * (load.image_step + load.head_step)


FINISH = Stage(
    "pixels",
    explain=lambda settings: TOTAL_GRADIENT_ASCENT_ON_PIXELS,
    work=finish_work,
    used=lambda settings: settings.finish_steps > 0,
    by_extractor=True,
)


def exchange_work(rounds: int, atoms: int, steps: int, load: Workload) -> float:
    """Work of a Frank-Wolfe exchange.

    Args:
        rounds: number of rounds.
        atoms: images that climb in each.
        steps: of each image's climb.
        load: the amount of computation.
    """
    share = min(1.0, atoms / load.n_poison)
    # A round solves the head a few times, with some ten passes of all points each.
    return rounds * (steps * share * load.image_step + 20 * load.head_step)
