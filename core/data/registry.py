"""Records of the data sets, with sizes and licences. Without heavy imports."""

from dataclasses import dataclass

from core.system.errors import SpecError


@dataclass(frozen=True)
class DataInfo:
    """One labelled image data set.

    Attributes:
        shape: (channels, height, width) of every image; of a user's, unless an experiment has them at another side.
        train_images, test_images: number of images; for data with domains, of the smallest domain.
        domains: names of its domains, if any. Training and test images may come from different ones.
        embedded: whether its files ship with the project.
        notes: what was read of a user's images, how, and what was passed over, one sentence each.
        own_side: of a user's images, the median of their shorter sides in their files, in pixels; 0 for others.
        width: of a user's features (`core.data.feature_files`), the number of each point's; 0 for images.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    train_images: int
    test_images: int
    licence: str
    source: str
    domains: tuple[str, ...] = ()
    embedded: bool = True
    notes: tuple[str, ...] = ()
    own_side: int = 0
    width: int = 0


_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
"""The fine labels, in the order of the published file."""


DATA: dict[str, DataInfo] = {
    record.name: record
    for record in (
        DataInfo(
            name="fashion-mnist",
            title="Fashion-MNIST",
            classes=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
            shape=(1, 28, 28),
            train_images=60_000,
            test_images=10_000,
            licence="MIT",
            source="Xiao, Rasul, Vollgraf 2017 (arXiv 1708.07747)",
        ),
        DataInfo(
            name="mnist",
            title="MNIST, 10,000-image subset",
            classes=tuple("0123456789"),
            shape=(1, 28, 28),
            train_images=8_000,
            test_images=2_000,
            licence="MNIST terms; packaging MIT",
            source="LeCun, Cortes, Burges 1998",
        ),
        DataInfo(
            name="emoji",
            title="Emoji, drawn by three vendors",
            classes=(
                "Smileys & Emotion",
                "People & Body",
                "Animals & Nature",
                "Food & Drink",
                "Travel & Places",
                "Activities",
                "Objects",
                "Symbols",
                "Flags",
            ),
            shape=(3, 64, 64),
            train_images=1_306,
            test_images=546,
            domains=("google", "twitter", "fluent3d"),
            licence="google: Apache-2.0; twitter: CC-BY 4.0; fluent3d: MIT",
            source="Noto Emoji, Twemoji, Fluent Emoji",
        ),
        DataInfo(
            name="cifar10",
            title="CIFAR-10",
            classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
            shape=(3, 32, 32),
            train_images=50_000,
            test_images=10_000,
            licence="none stated",
            source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            embedded=False,
        ),
        DataInfo(
            name="cifar100",
            title="CIFAR-100",
            classes=tuple(name.replace("_", " ") for name in _CIFAR100.split()),
            shape=(3, 32, 32),
            train_images=50_000,
            test_images=10_000,
            licence="none stated",
            source="Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
            embedded=False,
        ),
        DataInfo(
            name="stl10",
            title="STL-10, labelled images",
            classes=("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
            shape=(3, 96, 96),
            train_images=5_000,
            test_images=8_000,
            licence="none stated; images from ImageNet",
            source="Coates, Lee, Ng 2011, An Analysis of Single-Layer Networks in Unsupervised Feature Learning",
            embedded=False,
        ),
        DataInfo(
            name="svhn",
            title="SVHN, cropped digits",
            classes=tuple("0123456789"),
            shape=(3, 32, 32),
            train_images=73_257,
            test_images=26_032,
            licence="non-commercial use only",
            source="Netzer, Wang, Coates, Bissacco, Wu, Ng 2011, Reading Digits in Natural Images",
            embedded=False,
        ),
        DataInfo(
            name="pcam",
            # Of 262,144 and 32,768 images: see `core.data.torchvision_sets.PCAM_STEPS`.
            title="PatchCamelyon, 24,576-image subset",
            classes=("no tumour", "tumour"),
            shape=(3, 96, 96),
            train_images=16_384,
            test_images=8_192,
            licence="CC0",
            source="Veeling, Linmans, Winkens, Cohen, Welling 2018 (arXiv 1806.03962)",
            embedded=False,
        ),
    )
}


def is_user_supplied(name: str) -> bool:
    """Whether a name is of user-supplied images rather than of an entry of the registry."""
    return name.startswith(("image-folder:", "upload:"))


def check_domain(record: DataInfo, domain: str | None, field: str) -> None:
    """Check that a data set has a domain.

    Args:
        record: of the data set.
        domain: the domain, or None.
        field: the spec's field that names it, for the message.

    Raises:
        SpecError: it does not; the message lists its domains.
    """
    if domain is not None and domain not in record.domains:
        allowed = ", ".join(record.domains) or "none: it has no domains"
        raise SpecError(f"{field} of {record.name} is {domain!r}; allowed: {allowed}.")
