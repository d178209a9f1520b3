"""Every extractor: what it is, what it has learnt from, how good its features are, how fast it is here."""

import json
import re

import streamlit as st

from core.data.registry import DATA
from core.evidence import quality
from core.evidence import settings as compare
from core.experiments import cost
from core.extractors.registry import EXTRACTORS, ExtractorInfo, present
from core.presentation import figures
from pages import _sidebar
from pages._words import two_digits

MEASURES = {"linear_probe": "Linear head", "knn": "Nearest neighbours"}
LEARNT_FROM = {"": "nothing", "imagenet": "ImageNet", **{name: record.title for name, record in DATA.items()}}
INTRODUCTION = (
    "An extractor is a frozen network that turns an image into a vector of features. What it has learnt from, and "
    "whether with labels, decides what a head on top of it can do, and what poison can do to that head."
)


def line(record: ExtractorInfo) -> dict[str, str | int | None]:
    """One extractor in the table."""
    speed, is_measured = cost.images_per_second(record.name)
    arxiv = re.search(r"arXiv (\d{4}\.\d{4,5})", record.paper)
    learnt = LEARNT_FROM.get(record.pretrained_on, record.pretrained_on)
    return {
        "Extractor": record.title,
        "Architecture": record.arch,
        "Learnt from": f"{learnt} ({record.domain})" if record.domain else learnt,
        "Method": record.method,
        "Features": record.width,
        "Input": f"{record.input_sizes[0]} px",
        "Images per second": ("" if is_measured else "about ") + two_digits(speed),
        "Licence": record.licence,
        "Paper": f"https://arxiv.org/abs/{arxiv[1]}#{record.paper}" if arxiv else None,
        "Weights": "here" if present(record) else "to be fetched",
    }


def table() -> None:
    """What there is; a chosen line can be taken to the lab."""
    records = list(EXTRACTORS.values())
    chosen = st.dataframe(
        [line(record) for record in records],
        hide_index=True,
        key="registry",
        on_select="rerun",
        selection_mode="single-row",
        alt="Every extractor: architecture, what it has learnt from, width, input, speed, licence, paper",
        column_config={
            "Paper": st.column_config.LinkColumn(display_text="#(.*)$"),
            "Images per second": st.column_config.TextColumn(
                help="On this machine, at the first input size. “About” is a guess from the network's size, until a "
                "run has measured it."
            ),
        },
    )
    rows = chosen["selection"]["rows"]
    with st.container(horizontal=True, vertical_alignment="center"):
        name = records[rows[0]].name if rows else ""
        _sidebar.use_button("extractor", name, widget="use")
        st.caption(f"Chosen: {EXTRACTORS[name].title}" if rows else "Choose a line to take its extractor to the lab.")


@st.cache_resource(show_spinner=False)
def quality_figure(measure: str) -> object:
    """Accuracies by one of `MEASURES`; built once for everyone."""
    names, found = titles(), quality.read()
    scores = {key: {data: getattr(one, measure) for data, one in found[key].items()} for key in names if key in found}
    return figures.quality_figure(scores, names, quality.PIXELS)


def titles() -> dict[str, str]:
    """Words for raw pixels, data sets and extractors."""
    names = {quality.PIXELS: "Raw pixels", **{name: record.title for name, record in DATA.items()}}
    return names | {name: compare.wrapped(record.title) for name, record in EXTRACTORS.items()}


def qualities() -> None:
    """Probes on the embedded data."""
    st.subheader("How good the features are")
    measure = st.segmented_control(
        "Measured by",
        list(MEASURES),
        format_func=MEASURES.__getitem__,
        default="linear_probe",
        required=True,
        key="measure",
        help="What judges the features: a head trained on them, or the labels of the nearest images.",
    )
    found, names = quality.read(), titles()
    st.plotly_chart(
        quality_figure(str(measure)),
        key="quality",
        config={"displayModeBar": False},
        alt="Test accuracy of each extractor on each data set, beside raw pixels",
    )
    sizes = "; ".join(
        f"{names[data]}: {one.train_images:,} and {one.test_images:,}" for data, one in found[quality.PIXELS].items()
    )
    missing = [record.title for name, record in EXTRACTORS.items() if name not in found]
    st.caption(
        "Linear head: trained to convergence, with the λ that does best on a held-out fifth. Nearest neighbours: the "
        f"vote of 20. Training and test images of {sizes}. Measured by `python -m core compare-extractors`."
        + (f" Not measured, for want of their weights: {', '.join(missing)}." if missing else "")
    )


@st.cache_resource(show_spinner=False)
def measured_settings() -> tuple[object, list[str]]:
    """Fine-tuning against transfer as measured: the figure, and each difference in words."""
    rows = compare.rows(list(json.loads((compare.FOLDER / "settings.json").read_text()).values()))
    return compare.figure(rows), [compare.verdict(gap) for gap in compare.gaps(rows)]


def settings() -> None:
    """Fine-tuning against transfer, as measured."""
    st.subheader("Fine-tuning against transfer")
    figure, verdicts = measured_settings()
    st.plotly_chart(
        figure,
        key="settings",
        config={"displayModeBar": False},
        alt="Points of accuracy lost to the same attack, by data set and extractor",
    )
    st.markdown("\n".join(f"- {words}" for words in verdicts))
    st.caption(
        "The paper says that transfer loses more to the same attack. Measured by `python -m core compare-settings`: "
        "whiskers are standard deviations over seeds, differences are paired by seed, ± is a standard error."
    )


st.title("Extractors")
st.markdown(INTRODUCTION)
table()
qualities()
settings()
