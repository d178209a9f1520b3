"""User uploads: images to train the head on, and weights of an extractor, checked before they are stored."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core.catalog.uploads import all_data, all_weights, belongs_to, features, images, outdated_images, weights
from core.data.feature_tables import FORMATS as FEATURE_FORMATS
from core.data.folders import MIN_IMAGES_PER_CLASS
from core.data.pictures import FORMATS
from core.extractors.names import SUFFIXES
from core.extractors.overrides import ACTIVATIONS, overrides_of
from core.extractors.registry import ExtractorInfo
from core.presentation import figures
from core.serving.uploads import NO_ROOM
from core.spec.sides import MOST_SIDE, SIDE
from core.storage import uploads
from core.system.errors import PoisonLabError, SettingError
from core.system.numbers import fixed
from core.system.settings import UploadLimits
from pages import _cards, _runs, _sidebar
from pages._words import plain

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

NO_ROOM_WORDS = (
    "The server's memory for uploads is in use by others at the moment: nothing was stored. Try again in a minute."
)
GONE_WORDS = "The server's memory holds this file no more: upload it again."
MOST_CLASSES = 20
"""Classes whose names are listed."""
LIBRARIES = {"own": "Poison Lab: pretrain", "timm": "timm", "torchvision": "torchvision"}


@st.cache_data(show_spinner="Reading the list of architectures", max_entries=4)
def architectures(library: str) -> list[str]:
    """The architectures that a library can build, by name."""
    if library == "timm":
        import timm

        return list(timm.list_models())
    from torchvision import models

    return list(models.list_models(module=models))


def images_form(limits: UploadLimits) -> None:
    """Upload a zip of images, and show what it holds."""
    st.markdown(
        f"A **zip** with one folder for each class: at least two classes with at least {MIN_IMAGES_PER_CLASS} images "
        f"each ({', '.join(FORMATS)}). Images are centre-cropped and resized to squares, by default of the side that "
        f"the extractor sees, up to {MOST_SIDE} pixels; the sidebar offers others. Folders named train and test, each "
        "with the folders of classes, are used as they are; otherwise 30 % of each class are held out for testing."
    )
    file = st.file_uploader(
        "Zip of images",
        type="zip",
        key="file-images",
        max_upload_size=limits.images,
        help="The zip is checked as a whole; if a file can't be read, it is named and nothing is stored.",
    )
    st.caption(uploads.larger("images"))

    def store(file_name: str, content: BinaryIO) -> str:
        return uploads.add_images(file_name, content, _runs.owner()).name

    name = checked("file-images", file, store)
    if name:
        show_images(name)


def features_form(limits: UploadLimits) -> None:
    """Upload a file of feature vectors, and show what it holds."""
    st.markdown(
        f"A file of **feature vectors** with labels ({', '.join(FEATURE_FORMATS)}), where the images can't leave your "
        "pipeline. An npz holds `train_features`, `train_labels`, `test_features` and `test_labels`; a table has a "
        "column `label`, may have `split` (train or test) and `id`, and a numeric column for each coordinate. Attacks "
        "on features, defences, certificates and maps run; what needs pixels does not."
    )
    file = st.file_uploader(
        "File of features",
        type=[suffix[1:] for suffix in FEATURE_FORMATS],
        key="file-features",
        max_upload_size=limits.images,
        help="The file is checked as a whole: shapes, finite numbers, copies, and every class in both parts.",
    )
    st.caption(uploads.larger("features"))

    def store(file_name: str, content: BinaryIO) -> str:
        return uploads.add_features(file_name, content, _runs.owner()).name

    name = checked("file-features", file, store)
    if name:
        show_features(name)


def weights_form(limits: UploadLimits) -> None:
    """Upload a weights file, and show the network that it fits."""
    st.markdown(
        "A file written by `python -m core pretrain`, or weights of any **timm** or **torchvision** architecture, as "
        "safetensors, or saved by torch (`.pt`, `.pth`, `.pth.tar`, `.bin`, `.ckpt`): plain tensors, or checkpoints of "
        "SimCLR, MoCo, DINO and image towers of CLIP. "
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
    options = weights_options(str(library))
    key = f"file-{library}-{arch}"
    file = st.file_uploader(
        "Weights file",
        type=["safetensors"] if library == "own" else [suffix[1:] for suffix in SUFFIXES],
        key=key,
        max_upload_size=limits.weights,
        help="The file is checked as a whole; weights that do not fit the network are rejected, with the reason.",
    )
    st.caption(uploads.larger("weights"))

    def store(file_name: str, content: BinaryIO) -> str:
        return uploads.add_weights(str(library), arch, file_name, content, _runs.owner(), overrides_of(options)).name

    name = checked(key, file, store, str(sorted(options.items())))
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


def checked(key: str, file: "UploadedFile | None", store: Callable[[str, BinaryIO], str], options: str = "") -> str:
    """The name that the file of an uploader is stored under; "" where there is none, or it was rejected.

    A file is checked once with the same options. Once it is stored, the server's memory lets go of it; the
    uploader goes on to show its name.

    Args:
        key: of the uploader.
        file: in memory; None where there is none, or it is there no more.
        store: takes its name and its content, and returns the name that it is stored under.
        options: that its form sets.
    """
    answers = st.session_state.setdefault("checked_uploads", {})
    file_id = getattr(st.session_state.get(key), "file_id", None)
    question = (key, file_id, options)
    if file_id is not None and question not in answers:
        with st.spinner("Checking the file"):
            answers[question] = answer(file_id, file, store)
    name, problem = answers.get(question, ("", ""))
    if problem:
        st.error(problem, title="Rejected; nothing was stored", icon=":material/block:")
    elif not belongs_to(name, _runs.owner()):
        return ""  # removed since
    return str(name)


def answer(file_id: str, file: "UploadedFile | None", store: Callable[[str, BinaryIO], str]) -> tuple[str, str]:
    """The name that a file is stored under, and the reason where it is not.

    Args:
        file_id: Streamlit's id of the file.
        file: in memory; where it is there no more, what was stored of it is checked, with other options.
        store: see `checked`.
    """
    stored = st.session_state.setdefault("stored_uploads", {})
    try:
        if file is None:
            if file_id not in stored:
                return "", GONE_WORDS
            file_name, name = stored[file_id]
            with Path(weights(name).weights).open("rb") as content:
                return store(file_name, content), ""
        if file.size == len(NO_ROOM) and file.getvalue() == NO_ROOM:
            return "", NO_ROOM_WORDS
        file.seek(0)
        name = store(file.name, file)
    except PoisonLabError as error:
        return "", str(error)
    stored[file_id] = file.name, name
    forget(file)
    return name, ""


def forget(file: "UploadedFile") -> None:
    """Take a file from the server's memory."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    file.close()


def show_images(name: str) -> None:
    """Classes, counts and samples."""
    preview = uploads.preview(name)
    st.success(f"Stored as `{name}`.", icon=":material/check_circle:")
    for label, samples in preview.samples.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.image(figures.image_row(samples), width="content", alt=f"Images of {label}")
            st.markdown(f"**{plain(label)}**  \n{preview.train[label]:,} to train, {preview.test[label]:,} to test")
    own_side = images(name).own_side
    side = f"Half of the images have at least {own_side} pixels on their shorter side; here they have {SIDE}."
    st.caption("  \n".join(map(plain, (*preview.notes, side))))
    _sidebar.use_button("data", name, widget=f"use-new-{name}")


def show_features(name: str) -> None:
    """Classes, counts and what was noticed."""
    record = features(name)
    st.success(f"Stored as `{name}`.", icon=":material/check_circle:")
    st.markdown(
        f"{record.width:,} features, {record.train_images:,} points to train, {record.test_images:,} to test. Classes: "
        f"{', '.join(map(plain, record.classes[:MOST_CLASSES]))}"
        + (f" and {len(record.classes) - MOST_CLASSES:,} more." if len(record.classes) > MOST_CLASSES else ".")
    )
    st.caption("  \n".join(map(plain, record.notes)))
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
            f"{record.test_images:,} test {'points' if record.width else 'images'}",
        )
        for record in all_data(owner).values()
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


def forms() -> None:
    """Both forms; what is wrong where a limit is no number."""
    try:
        limits = UploadLimits.read()
    except SettingError as error:
        st.error(str(error), title="Nothing can be uploaded at the moment", icon=":material/block:")
        return
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        kind = st.segmented_control(
            "Data",
            ["Images", "Features"],
            default="Images",
            required=True,
            key="data-kind",
            help="Images go through an extractor of this lab; features come from an extractor of your own.",
        )
        if kind == "Features":
            features_form(limits)
        else:
            images_form(limits)
    with right.container(border=True, height="stretch"):
        st.subheader("Weights")
        weights_form(limits)


st.title("Upload your own data")
st.markdown("Train the head on your own images or features, or use your own pretrained extractor.")
forms()
uploads_list()
