"""Faces go, brains stay: on synthetic heads in every orientation, and on real series."""

import numpy as np
import pytest

from pacs.deid.pixels.face import Volume, remove_face, render
from pacs.errors import NotAcceptable

UP, BACK, LEFT = (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)
SPACING = (2.0, 2.0, 2.0)


def head(scale: float = 1.0, nose: float = 28.0, seed: int = 1, ct: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A head with jaw, neck and nose, bottom to top, front to back, right to left; and where its brain is."""
    z, y, x = np.meshgrid(*(np.arange(count) * 2.0 for count in (130, 135, 100)), indexing="ij")
    middle, depth, height = 100.0, 140.0, 260 - 15 - 90 * scale

    def ball(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
        parts = ((axis - at) / (radius * scale) for axis, at, radius in zip((z, y, x), centre, radii, strict=True))
        return sum(part**2 for part in parts) < 1

    skull = ball((height, depth, middle), (90, 95, 75))
    brain = ball((height + 4, depth, middle), (74, 82, 64)) & (z > height - 45 * scale)
    jaw = ball((height - 70 * scale, depth - 20 * scale, middle), (75, 75, 60))
    neck = ((x - middle) ** 2 + (y - depth - 15) ** 2 < (55 * scale) ** 2) & (z < height - 60 * scale)
    tip = ball((height - 45 * scale, depth - 88 * scale, middle), (20, nose, 15))
    rng = np.random.default_rng(seed)
    volume = np.where(skull | jaw | neck | tip, 40.0 if ct else 400.0, -1000.0 if ct else 0.0)
    volume[brain] = 80.0 if ct else 800.0
    volume += rng.normal(0, 10, volume.shape) if ct else rng.rayleigh(15, volume.shape)
    return volume.astype(np.int16), brain


def upright(numbers: np.ndarray, ct: bool = False) -> Volume:
    return Volume(numbers, SPACING, (UP, BACK, LEFT), ct)


@pytest.mark.parametrize("ct", [False, True])
@pytest.mark.parametrize("scale", [0.85, 1.0, 1.05])
def test_no_brain_voxel_changes(scale, ct):
    numbers, brain = head(scale, ct=ct)
    done = remove_face(upright(numbers, ct))
    assert done.changed.sum() > 10_000
    assert not (done.changed & brain).any()
    assert np.array_equal(done.numbers[~done.changed], numbers[~done.changed])


def test_nose_is_gone_and_noise_stands_there():
    numbers, _brain = head()
    done = remove_face(upright(numbers))
    before, after = render(upright(numbers)), render(upright(done.numbers))
    assert not np.array_equal(before, after)
    filled = done.numbers[done.changed]
    air = numbers[:5, :20, :20]
    assert filled.max() < 100
    assert abs(float(filled.mean()) - float(air.mean())) < 20


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1)])
@pytest.mark.parametrize("turned", [0, 1, 2])
def test_orientation_does_not_matter(order, turned):
    numbers, _brain = head()
    expected = remove_face(upright(numbers)).changed
    directions = [(UP, BACK, LEFT)[axis] for axis in order]
    directions[turned] = tuple(-part for part in directions[turned])
    moved = np.flip(np.transpose(numbers, order), turned)
    done = remove_face(Volume(moved, SPACING, (directions[0], directions[1], directions[2])))
    assert np.array_equal(done.changed, np.flip(np.transpose(expected, order), turned))


def test_same_seed_gives_same_volume():
    numbers, _brain = head()
    assert np.array_equal(remove_face(upright(numbers), 7).numbers, remove_face(upright(numbers), 7).numbers)


@pytest.mark.parametrize(
    "volume",
    [
        upright(np.zeros((130, 135, 100), np.int16)),
        upright(head()[0][-30:]),
        upright(head()[0][-45:]),
        Volume(head()[0], (6.0, 2.0, 2.0), (UP, BACK, LEFT)),
        Volume(head()[0], (0.0, 2.0, 2.0), (UP, BACK, LEFT)),
        upright(np.where(head()[1], head()[0], 0)),
        upright(head(nose=2.0)[0]),
        upright(np.random.default_rng(1).rayleigh(15, (130, 135, 100))),
    ],
    ids=["empty", "scalp", "vertex", "coarse", "flat", "brain alone", "no nose", "noise"],
)
def test_what_is_no_face_is_refused(volume):
    with pytest.raises(NotAcceptable):
        remove_face(volume)


def test_render_is_a_picture():
    picture = render(upright(head()[0]))
    assert picture.shape == (130, 100)
    assert picture.dtype == np.uint8
    assert picture.max() > 200
