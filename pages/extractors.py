"""Every extractor: architecture, pretraining data, quality of its features, speed on this machine."""

import json
import re

import streamlit as st

from core.data.registry import DATA
from core.evidence import quality
from core.evidence import settings as compare
from core.experiments import cost
from core.extractors.registry import EXTRACTORS, ExtractorInfo, present
from core.presentation import figures
from core.system.numbers import digits
from pages import _own, _sidebar
from pages._controls import Choice

MEASURES = {"linear_probe": "Linear head", "knn": "Nearest neighbours"}
PRETRAINED_ON = {"": "nothing", "imagenet": "ImageNet", **{name: record.title for name, record in DATA.items()}}
INTRODUCTION = (
    "An extractor is a frozen network that maps an image to a feature vector. The data it was pretrained on, and "
    "whether labels were used, determine the accuracy of a head on its features, and how vulnerable that head is to "
    "poisoning."
)


def line(record: ExtractorInfo) -> dict[str, str | int | None]:
    """One extractor in the table."""
    speed, is_measured = cost.images_per_second(record.name)
    arxiv = re.search(r"arXiv (\d{4}\.\d{4,5})", record.paper)
    pretrained_on = PRETRAINED_ON.get(record.pretrained_on, record.pretrained_on)
    return {
        "Extractor": record.title,
        "Architecture": record.arch,
        "Pretrained on": f"{pretrained_on} ({record.domain})" if record.domain else pretrained_on,
        "Method": record.method,
        "Features": record.width,
        "Input": f"{record.input_sizes[0]} px",
        "Images per second": ("" if is_measured else "about ") + digits(speed, 2),
        "Licence": record.licence,
        "Paper": f"https://arxiv.org/abs/{arxiv[1]}#{record.paper}" if arxiv else None,
        "Weights": "on this machine" if present(record) else "not downloaded",
    }


def table() -> None:
    """The table of extractors; a selected one can be used in the lab."""
    records = list(EXTRACTORS.values())
    chosen = st.dataframe(
        [line(record) for record in records],
        hide_index=True,
        key="registry",
        on_select="rerun",
        selection_mode="single-row",
        alt="Every extractor: architecture, pretraining data, width, input, speed, licence, paper",
        column_config={
            "Paper": st.column_config.LinkColumn(display_text="#(.*)$"),
            "Images per second": st.column_config.TextColumn(
                help="On this machine, at the first input size. “About” marks an estimate from the network's size, "
                "used until a run has measured the speed."
            ),
        },
    )
    rows = chosen["selection"]["rows"]
    with st.container(horizontal=True, vertical_alignment="center"):
        name = records[rows[0]].name if rows else ""
        _sidebar.use_button("extractor", name, widget="use")
        st.caption(f"Selected: {EXTRACTORS[name].title}" if rows else "Select a row to use its extractor in the lab.")


@st.cache_resource(show_spinner=False)
def quality_figure(measure: str) -> object:
    """Accuracies by one of `MEASURES`; built once for everyone."""
    names, measured = titles(), quality.read()
    scores = {
        name: {data: getattr(probe, measure) for data, probe in measured[name].items()}
        for name in names
        if name in measured
    }
    return figures.quality_figure(scores, names, quality.PIXELS)


def titles() -> dict[str, str]:
    """Words for raw pixels, data sets and extractors."""
    names = {quality.PIXELS: "Raw pixels", **{name: record.title for name, record in DATA.items()}}
    return names | {name: compare.wrapped(record.title) for name, record in EXTRACTORS.items()}


def qualities() -> None:
    """Linear and nearest-neighbour probes on the shipped data."""
    st.subheader("Quality of the features")
    measure = _own.segments(
        "measure",
        "Measured by",
        Choice(MEASURES, "linear_probe"),
        help="How the features are evaluated: by a linear head trained on them, or by the labels of the nearest "
        "images.",
    )
    measured, names = quality.read(), titles()
    st.plotly_chart(
        quality_figure(str(measure)),
        key="quality",
        config={"displayModeBar": False},
        alt="Test accuracy of each extractor on each data set, beside raw pixels",
    )
    sizes = "; ".join(
        f"{names[data]}: {probe.train_images:,} and {probe.test_images:,}"
        for data, probe in measured[quality.PIXELS].items()
    )
    missing = [record.title for name, record in EXTRACTORS.items() if name not in measured]
    st.caption(
        "Linear head: trained to convergence, with λ chosen on a held-out fifth. Nearest neighbours: majority "
        f"vote of 20. Training and test images: {sizes}. Measured by `python -m core compare-extractors`."
        + (f" Not measured, because their weights were not available: {', '.join(missing)}." if missing else "")
    )


@st.cache_resource(show_spinner=False)
def measured_settings() -> tuple[object, list[str]]:
    """Fine-tuning against transfer as measured: the figure, and each difference in words."""
    rows = compare.rows(list(json.loads((compare.FOLDER / "settings.json").read_text()).values()))
    return compare.figure(rows), [compare.verdict(gap) for gap in compare.gaps(rows)]


def settings() -> None:
    """The comparison of fine-tuning and transfer, as measured."""
    st.subheader("Fine-tuning and transfer compared")
    figure, verdicts = measured_settings()
    st.plotly_chart(
        figure,
        key="settings",
        config={"displayModeBar": False},
        alt="Points of accuracy lost to the same attack, by data set and extractor",
    )
    st.markdown("\n".join(f"- {words}" for words in verdicts))
    st.caption(
        "According to the paper, the same attack costs more under transfer. Measured by `python -m core "
        "compare-settings`: whiskers are standard deviations over seeds, differences are paired by seed, ± is a "
        "standard error."
    )


st.title("Extractors")
st.markdown(INTRODUCTION)
table()
qualities()
settings()
