"""Records of the data sets: what a person may choose, with sizes and licences. Free of heavy imports."""

from dataclasses import dataclass

from core.errors import unknown


@dataclass(frozen=True)
class DataInfo:
    """One labelled image data set.

    Attributes:
        shape: (channels, height, width) of every image.
        train_images, test_images: images available; for data with domains, in the smallest domain.
        domains: names of its domains, or empty. Training and test images may come from different ones.
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
    )
}


def info(name: str) -> DataInfo:
    """The record of a data set, of the registry or brought as a folder (`core.data.own`).

    Raises:
        SpecError: unknown name; the message lists the known ones.
        DataError: a folder that was named is not there, or is refused.
    """
    if name.startswith("image-folder:"):
        from core.data import own  # only here, since it reads images

        return own.info(name)
    if name not in DATA:
        raise unknown("data set", name, DATA)
    return DATA[name]
