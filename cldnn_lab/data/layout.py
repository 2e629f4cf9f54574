"""How an example is laid out for the network that reads it: as an image or as a sequence."""

from __future__ import annotations

from dataclasses import replace

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.data.dataset import Dataset
from cldnn_lab.data.preparation import arrange_axes


def arrange(dataset: Dataset, layout: str, prefers: str) -> Dataset:
    """The data set with its examples as ``layout`` says, or, where that is ``auto``, as the model prefers.

    An image is (height, width, channels), a sequence (time, features). An image of one channel reads as a
    sequence along ``time_axis``: 28x28x1 as 28 steps of 28, a 2x128x1 signal as 128 steps of 2. A sequence
    reads as an image of one channel. Token ids and plain vectors stay as they are, unless ``layout`` insists.

    Raises:
        ConfigError: where it cannot be read that way, such as a colour image as a sequence.
    """
    wanted = prefers if layout == "auto" else layout
    shape = dataset.input_shape
    said = f"data.layout: {layout}" if layout != "auto" else f"the model reads {wanted}s"
    if wanted == "sequence" and len(shape) == 3:
        if shape[-1] != 1:
            raise ConfigError(
                f"{said}, but {dataset.name} has images of {shape[-1]} channels, {_format_shape(shape)}: only "
                "an image of one channel reads as a sequence; choose a convolutional model or grey images."
            )
        return replace(_change_layout(dataset, "time_first"), time_axis=0)
    if wanted == "sequence" and len(shape) > 3:
        raise ConfigError(f"{said}, but examples of {dataset.name} are {_format_shape(shape)}, not (time, features).")
    if wanted == "image" and len(shape) == 2:
        return _change_layout(dataset, "channel_last")
    if len(shape) == 1 and layout != "auto" and dataset.vocabulary is None:
        if layout == "image":
            raise ConfigError(f"{said}, but examples of {dataset.name} are vectors of {shape[0]}, not pictures.")
        return _change_layout(dataset, "channel_last")
    return dataset


def _change_layout(dataset: Dataset, layout: str) -> Dataset:
    axis = dataset.time_axis
    preparation = replace(dataset.preparation, layout=layout, time_axis=axis)
    return replace(dataset.with_examples(lambda x: arrange_axes(x, layout, axis)), preparation=preparation)


def _format_shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
