"""User uploads: images to train the head on, and weights of an extractor, checked before they are stored."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from core.catalog.uploads import all_images, all_weights, belongs_to, outdated_images, weights
from core.data.folders import MIN_IMAGES_PER_CLASS
from core.data.pictures import FORMATS, SIDE
from core.extractors.overrides import ACTIVATIONS, overrides_of
from core.extractors.registry import ExtractorInfo
from core.presentation import figures
from core.storage import uploads
from core.system.errors import PoisonLabError
from core.system.numbers import fixed
from pages import _cards, _runs, _sidebar
from pages._words import plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

LIBRARIES = {"own": "Poison Lab: pretrain", "timm": "timm", "torchvision": "torchvision"}


@st.cache_data(show_spinner="Reading the list of architectures", max_entries=4)
def architectures(library: str) -> list[str]:
    """The architectures that a library can build, by name."""
    if library == "timm":
        import timm

        return list(timm.list_models())
    from torchvision import models

    return list(models.list_models(module=models))


def images_form() -> None:
    """Upload a zip of images, and show what it holds."""
    st.markdown(
        f"A **zip** with one folder for each class: at least two classes with at least {MIN_IMAGES_PER_CLASS} images "
        f"each ({', '.join(FORMATS)}). Images are centre-cropped and resized to {SIDE} × {SIDE} pixels. Folders named "
        "train and test, each with the folders of classes, are used as they are; otherwise 30 % of each class are held "
        "out for testing."
    )
    file = st.file_uploader(
        "Zip of images",
        type="zip",
        key="file-images",
        max_upload_size=uploads.MAX_BYTES["images"] >> 20,
        help="The zip is checked as a whole; if a file can't be read, it is named and nothing is stored.",
    )
    if file is not None:
        name = checked("images", file, lambda: uploads.add_images(file.name, file, _runs.owner()).name)
        if name:
            show_images(name)


def weights_form() -> None:
    """Upload a weights file, and show the network that it fits."""
    st.markdown(
        "A file written by `python -m core pretrain`, or weights of any **timm** or **torchvision** architecture, as "
        "safetensors, `.pt` or `.pth`: plain tensors, or checkpoints of SimCLR, MoCo, DINO and image towers of CLIP. "
        "A pickle that contains code is rejected, and so is a file of which more is left over than a classifier, a "
        "projector or the like."
    )
    library = st.segmented_control(
        "Library",
        list(LIBRARIES),
        format_func=LIBRARIES.__getitem__,
        default="own",
        required=True,
        key="library",
        help="The library that builds the network of these weights.",
    )
    arch = ""
    if library != "own":
        known = architectures(str(library))
        help_ = "The architecture of the weights, by its name in the library."
        arch = st.selectbox("Architecture", known, index=None, key=f"arch-{library}", help=help_) or ""
        if not arch:
            st.caption("Choose the architecture of the weights; type to search.")
            return
    said = weights_options(str(library))
    file = st.file_uploader(
        "Weights file",
        type=["safetensors"] if library == "own" else ["safetensors", "pt", "pth"],
        key=f"file-{library}-{arch}",
        max_upload_size=uploads.MAX_BYTES["weights"] >> 20,
        help="The file is checked as a whole; weights that do not fit the network are rejected, with the reason.",
    )
    if file is not None:

        def store() -> str:
            options = overrides_of(said)
            return uploads.add_weights(str(library), arch, file.name, file, _runs.owner(), options).name

        name = checked(f"{library}-{arch}-{sorted(said.items())}", file, store)
        if name:
            show_weights(weights(name))


def weights_options(library: str) -> dict[str, str]:
    """What a person says of a file because its tensors can't show it, by the names of `Overrides`, as typed."""
    with st.expander("What the tensors can't show", icon=":material/tune:"):
        st.caption("Leave empty what you don't know: what is assumed instead is shown once the file is checked.")
        typed = {
            "mean": st.text_input(
                "Mean", key="said-mean", placeholder="0.485,0.456,0.406", help="Of red, green and blue, from 0 to 1."
            ),
            "std": st.text_input(
                "Standard deviation", key="said-std", placeholder="0.229,0.224,0.225", help="Of red, green and blue."
            ),
            "prefix": st.text_input(
                "Prefix of the names",
                key="said-prefix",
                placeholder="module.base_encoder.",
                help="Where a file holds several networks: the beginning of the names of the one to take.",
            ),
            "weights": st.selectbox(
                "Weights", ["ema", "raw"], index=None, key="said-weights", help="Averaged over the training, or not."
            ),
        }
        if library == "timm":
            typed["heads"] = st.text_input("Attention heads", key="said-heads", help="Of a vision transformer.")
            typed["act"] = st.selectbox(
                "Activation", ACTIVATIONS, index=None, key="said-act", help="Of a vision transformer."
            )
        if library == "torchvision":
            typed["transform_input"] = st.selectbox(
                "transform_input",
                ["true", "false"],
                index=None,
                key="said-transform",
                help="Of Inception or GoogLeNet.",
            )
    return {name: value.strip() for name, value in typed.items() if value and value.strip()}


def checked(form: str, file: "UploadedFile", check: Callable[[], str]) -> str:
    """The name that a file is stored under, "" where it was rejected; each file is checked once."""
    answers = st.session_state.setdefault("checked_uploads", {})
    key = f"{form}:{file.file_id}"
    if key not in answers:
        with st.spinner(f"Checking {file.name}"):
            try:
                answers[key] = check(), ""
            except PoisonLabError as error:
                answers[key] = "", str(error)
    name, problem = answers[key]
    if problem:
        st.error(problem, title="Rejected; nothing was stored", icon=":material/block:")
    elif not belongs_to(name, _runs.owner()):
        return ""  # removed since
    return str(name)


def show_images(name: str) -> None:
    """Classes, counts and samples."""
    preview = uploads.preview(name)
    st.success(f"Stored as `{name}`.", icon=":material/check_circle:")
    for label, samples in preview.samples.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(figures.image_row(samples), width="content", alt=f"Images of {label}")
            st.markdown(f"**{plain(label)}**  \n{preview.train[label]:,} to train, {preview.test[label]:,} to test")
    if preview.notes:
        st.caption("  \n".join(map(plain, preview.notes)))
    _sidebar.use_button("data", name, widget=f"use-new-{name}")


def show_weights(record: ExtractorInfo) -> None:
    """The network that the weights fit."""
    st.success(f"Stored as `{record.name}`.", icon=":material/check_circle:")
    sizes = ", ".join(map(str, record.input_sizes))
    st.markdown(
        f"**{plain(record.arch)}**, {record.width:,} features. Input: {sizes} pixels, normalised with mean "
        f"{', '.join(fixed(v, 3) for v in record.mean)} and standard deviation "
        f"{', '.join(fixed(v, 3) for v in record.std)}. Pretrained on: {plain(record.pretrained_on)}; method: "
        f"{plain(record.method)}."
    )
    if record.notes:
        st.markdown("**Assumed of this file**")
        _cards.remarks_list(record.notes)
    _sidebar.use_button("extractor", record.name, widget=f"use-new-{record.name}")


def uploads_list() -> None:
    """A person's uploads, to use or to remove."""
    st.subheader("Your uploads")
    owner = _runs.owner()
    records = [
        (
            "data",
            record.name,
            f"**{plain(record.title)}**: {len(record.classes)} classes, {record.train_images:,} training and "
            f"{record.test_images:,} test images",
        )
        for record in all_images(owner).values()
    ]
    records += [
        ("extractor", info.name, f"**{plain(info.title)}**: {info.width:,} features")
        for info in all_weights(owner).values()
    ]
    records += [
        (
            "",
            name,
            f"**{plain(earlier.title)}**: an earlier version of Poison Lab read these images differently; its results "
            "can still be opened. Upload them again to run new experiments.",
        )
        for name, earlier in outdated_images(owner).items()
    ]
    if not records:
        st.caption("No uploads yet.")
    st.caption("Your uploads, and runs on them, are listed for you only. Anyone with a link to them can use them.")
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
                help="Deletes it from this machine, also for people who have a link to it.",
            )


st.title("Upload your own data")
st.markdown("Train the head on your own images, or use your own pretrained extractor.")
left, right = st.columns(2)
with left.container(border=True, height="stretch"):
    st.subheader("Images")
    images_form()
with right.container(border=True, height="stretch"):
    st.subheader("Weights")
    weights_form()
uploads_list()
