"""Bring your own: images to train the head on, and weights of an extractor, checked before they are kept."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from core.catalog.uploads import all_images, all_weights, belongs_to, outdated_images, weights
from core.data.folders import MIN_IMAGES_PER_CLASS, SIDE, SUFFIXES
from core.extractors.registry import ExtractorInfo
from core.presentation import figures
from core.storage import uploads
from core.system.errors import PoisonLabError
from pages import _runs, _sidebar
from pages._words import plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

LIBRARIES = {"own": "Poison Lab: pretrain", "timm": "timm", "torchvision": "torchvision"}


@st.cache_data(show_spinner="Reading the list of architectures", max_entries=4)
def architectures(library: str) -> list[str]:
    """What a library can build by name."""
    if library == "timm":
        import timm

        return list(timm.list_models())
    from torchvision import models

    return list(models.list_models(module=models))


def bring_images() -> None:
    """A zip of images, and what it holds."""
    st.markdown(
        f"A **zip** with one folder for each class, and {', '.join(SUFFIXES)} in it: at least two classes, at least "
        f"{MIN_IMAGES_PER_CLASS} images each. The middle square of each image becomes {SIDE} × {SIDE} pixels; three "
        "tenths of each class are kept for testing."
    )
    file = st.file_uploader(
        "Zip of images",
        type="zip",
        key="file-images",
        max_upload_size=uploads.MAX_BYTES["images"] >> 20,
        help="Checked as a whole; what can't be read is named, and nothing of it is kept.",
    )
    if file is not None:
        name = checked("images", file, lambda: uploads.add_images(file.name, file, _runs.owner()).name)
        if name:
            show_images(name)


def bring_weights() -> None:
    """A weights file, and the network that it fits."""
    st.markdown(
        "A file of `python -m core pretrain`, or weights of any architecture of **timm** or **torchvision**, as "
        "safetensors, `.pt` or `.pth`: plain tensors, also inside checkpoints of SimCLR, MoCo, DINO and image towers "
        "of CLIP. A pickle that carries code is refused."
    )
    library = st.segmented_control(
        "Built by",
        list(LIBRARIES),
        format_func=LIBRARIES.__getitem__,
        default="own",
        required=True,
        key="library",
        help="Who can build the network that the weights belong to.",
    )
    arch = ""
    if library != "own":
        known = architectures(str(library))
        help_ = "The network that the weights belong to, by the library's name for it."
        arch = st.selectbox("Architecture", known, index=None, key=f"arch-{library}", help=help_) or ""
        if not arch:
            st.caption("Choose the architecture that the weights were made with; type to search.")
            return
    file = st.file_uploader(
        "Weights file",
        type=["safetensors"] if library == "own" else ["safetensors", "pt", "pth"],
        key=f"file-{library}-{arch}",
        max_upload_size=uploads.MAX_BYTES["weights"] >> 20,
        help="Checked as a whole; what does not fit the network is refused, with the reason.",
    )
    if file is not None:

        def keep() -> str:
            return uploads.add_weights(str(library), arch, file.name, file, _runs.owner()).name

        name = checked(f"{library}-{arch}", file, keep)
        if name:
            show_weights(weights(name))


def checked(asked: str, file: "UploadedFile", check: Callable[[], str]) -> str:
    """The name that a file is kept under, "" where it was refused; each file is checked once."""
    answers = st.session_state.setdefault("brought", {})
    key = f"{asked}:{file.file_id}"
    if key not in answers:
        with st.spinner(f"Checking {file.name}"):
            try:
                answers[key] = check(), ""
            except PoisonLabError as error:
                answers[key] = "", str(error)
    name, problem = answers[key]
    if problem:
        st.error(problem, title="Refused, and nothing is kept", icon=":material/block:")
    elif not belongs_to(name, _runs.owner()):
        return ""  # removed since
    return str(name)


def show_images(name: str) -> None:
    """Classes, counts and samples."""
    found = uploads.preview(name)
    st.success(f"Kept as `{name}`.", icon=":material/check_circle:")
    for label, samples in found.samples.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(figures.image_row(samples), width="content", alt=f"Images of {label}")
            st.markdown(f"**{plain(label)}**  \n{found.train[label]:,} to train, {found.test[label]:,} to test")
    _sidebar.use_button("data", name, widget=f"use-new-{name}")


def show_weights(record: ExtractorInfo) -> None:
    """What the file turned out to be."""
    st.success(f"Kept as `{record.name}`.", icon=":material/check_circle:")
    sizes = ", ".join(map(str, record.input_sizes))
    st.markdown(
        f"**{plain(record.arch)}**, {record.width:,} features. Sees images at {sizes} pixels, less the mean "
        f"{', '.join(f'{v:.3f}' for v in record.mean)}, over {', '.join(f'{v:.3f}' for v in record.std)}. "
        f"Has learnt from: {plain(record.pretrained_on)}; method: {plain(record.method)}."
    )
    _sidebar.use_button("extractor", record.name, widget=f"use-new-{record.name}")


def kept() -> None:
    """A person's uploads, to use or to remove."""
    st.subheader("Kept on this machine")
    owner = _runs.owner()
    records = [
        (
            "data",
            one.name,
            f"**{plain(one.title)}**: {len(one.classes)} classes, {one.train_images:,} + {one.test_images:,} images",
        )
        for one in all_images(owner).values()
    ]
    records += [
        ("extractor", one.name, f"**{plain(one.title)}**: {one.width:,} features")
        for one in all_weights(owner).values()
    ]
    records += [
        (
            "",
            name,
            f"**{plain(record.title)}**: an earlier version of Poison Lab has read these images otherwise; its results "
            "still open. Bring them again to run them.",
        )
        for name, record in outdated_images(owner).items()
    ]
    if not records:
        st.caption("Nothing yet.")
    st.caption(
        "What you bring, and the runs on it, are listed for you alone. Whoever you give a link to it can use it too."
    )
    for key, name, words in records:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(words, width="stretch")
            if key:
                _sidebar.use_button(key, name, widget=f"use-kept-{name}")
            st.button(
                "Remove",
                key=f"remove-{name}",
                icon=":material/delete:",
                on_click=uploads.remove,
                args=(name, owner),
                help="Deletes it from this machine, also for those who have a link to it.",
            )


st.title("Bring your own")
st.markdown("Train the head on images of yours, or put an extractor of yours under it.")
left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    st.subheader("Images")
    bring_images()
with right.container(border=True, height="stretch"):
    st.subheader("Weights")
    bring_weights()
kept()
