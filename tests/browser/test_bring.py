"""Bringing images and weights through the app, in a real browser: what is kept can be used, what is refused is told."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.extractors.networks import network
from core.pretraining.train import export
from tests.pictures import pets, zipped

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Page, address: str) -> Page:
    page.goto(f"{address}/bring")
    expect(page.get_by_role("heading", name="Upload your own data")).to_be_visible()
    return page


def zip_of(place: Path, *classes: str) -> Path:
    (place / "pets.zip").write_bytes(zipped({**pets(30, classes), "__MACOSX/._x.png": b""}).getvalue())
    return place / "pets.zip"


def test_images_are_shown_kept_and_used(page: Page, tmp_path: Path) -> None:
    page.locator(".st-key-file-images input[type=file]").set_input_files(zip_of(tmp_path, "cats", "dogs"))
    expect(page.get_by_text("Stored as upload:pets-")).to_be_visible()
    expect(page.get_by_text("21 to train, 9 to test")).to_have_count(2)
    expect(page.get_by_alt_text("Images of dogs")).to_be_visible()
    expect(page.get_by_text("2 classes: cats 30, dogs 30.")).to_be_visible()
    expect(page.get_by_text("1 file was passed over: 1 hidden.")).to_be_visible()
    page.get_by_role("button", name="Use it in the lab").first.click()
    expect(page.get_by_role("heading", name="Poison Lab")).to_be_visible()
    page.wait_for_url("**/lab?data=upload%3Apets-*")
    expect(page.get_by_text("poisoned among 43 training images")).to_be_visible()


def test_weights_are_checked_kept_and_removed(page: Page, tmp_path: Path) -> None:
    about = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": 28, "arch": "resnet10-small", "data": "mnist"}
    export(tmp_path / "mine.safetensors", network("resnet10-small"), {**about, "method": "moco"})
    page.locator("[class*=st-key-file-own] input[type=file]").set_input_files(tmp_path / "mine.safetensors")
    expect(page.get_by_text("Stored as upload:mine-")).to_be_visible()
    expect(page.get_by_text("Pretrained on: mnist; method: moco")).to_be_visible()
    # By its key: while the page is still being drawn, the last "Remove" is one of an earlier upload.
    page.locator("[class*=st-key-remove-upload-mine]").get_by_role("button").click()
    expect(page.get_by_text("Stored as upload:mine-")).to_have_count(0)
    expect(page.get_by_text("mine.safetensors: 512 features")).to_have_count(0)


def test_what_is_refused_is_told_and_not_kept(page: Page, tmp_path: Path) -> None:
    expect(page.get_by_text("Your uploads", exact=True)).to_be_visible()
    page.locator(".st-key-file-images input[type=file]").set_input_files(zip_of(tmp_path, "cats"))
    expect(page.get_by_text("Rejected; nothing was stored")).to_be_visible()
    expect(page.get_by_text("pets.zip holds one class of images; two or more are needed")).to_be_visible()
    expect(page.get_by_text("pets: 1 classes")).to_have_count(0)
