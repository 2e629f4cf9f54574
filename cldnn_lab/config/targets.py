"""Which classes a config may name in ``_target_``, and how they are made.

A config is data that people pass around, so a ``_target_`` reaches only the public building
blocks of Keras and this project's own model parts; nothing that runs code or reads files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cldnn_lab.config.errors import ConfigError, suggest
from cldnn_lab.config.names import list_keras_names, list_project_names

# What neither runs code that it is given nor reads files. Keras gains new names with every release, so these are the
# names that were looked at: none of Lambda, wrappers of foreign modules and graphs, and vocabularies, which are files.
_KERAS = {
    "layers": """
        Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
        AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
        AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
        BatchNormalization Bidirectional CenterCrop Concatenate ContrastLimitedAdaptiveHistogramEqualization Conv1D
        Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D
        Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D
        Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Equalization
        Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
        GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D
        GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention
        Identity LSTM LSTMCell LayerNormalization LeakyReLU Masking MaxPool1D MaxPool2D MaxPool3D MaxPooling1D
        MaxPooling2D MaxPooling3D Maximum MelSpectrogram Minimum MultiHeadAttention Multiply Normalization PReLU Permute
        Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
        RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale
        RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness
        RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
        STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN
        SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
        StackedRNNCells Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
        ZeroPadding2D ZeroPadding3D""",
    "callbacks": "CSVLogger EarlyStopping ModelCheckpoint ReduceLROnPlateau TerminateOnNaN",
    "metrics": """
        AUC BinaryAccuracy CategoricalAccuracy CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives
        LogCoshError MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError
        Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
        SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity TopKCategoricalAccuracy
        TrueNegatives TruePositives""",
    "optimizers": """
        Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion Muon Nadam RMSprop SGD ScheduleFreeAdamW""",
    "optimizers.schedules": """
        CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay""",
    "initializers": """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform
        Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal
        VarianceScaling Zeros""",
    "regularizers": "L1 L1L2 L2 OrthogonalRegularizer",
    "constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
}
_PROJECT = ("layers", "blocks")


def walk(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping inside ``node`` with its place in the config, such as ``model.layers[3]``."""
    if isinstance(node, Mapping):
        yield where, node
        for key, value in node.items():
            yield from walk(value, f"{where}.{key}")
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, value in enumerate(node):
            yield from walk(value, f"{where}[{index}]")


def check_targets(node: Any, where: str) -> None:
    """Refuse every ``_target_`` in a resolved config (plain dicts and lists) that is not a building block.

    Raises:
        ConfigError: naming the place and the target, with the nearest name where there is no such class.
    """
    for place, mapping in walk(node, where):
        if "class_name" in mapping:
            # Keras would make whatever such a mapping names.
            raise ConfigError(f"{place}.class_name: name what is to be made in _target_, such as keras.layers.Dense.")
        if "_target_" in mapping:
            _check_target(mapping["_target_"], f"{place}._target_")


def _check_target(target: Any, where: str) -> None:
    module, _, name = str(target).rpartition(".")
    library, _, part = module.partition(".")
    allowed: Collection[str] = ()
    exists = False
    if library == "keras" and part in _KERAS:
        allowed, exists = _KERAS[part].split(), name in list_keras_names(part)
    elif module in (f"cldnn_lab.models.{part}" for part in _PROJECT):
        allowed = list_project_names(module.rpartition(".")[2])
    if name in allowed:
        return
    if allowed and not exists:
        raise ConfigError(f"{where}: there is no {target}; {_shorten(suggest(name, allowed))}.")
    raise ConfigError(
        f"{where}: {target!r} is refused: only the building blocks of keras.layers, keras.initializers, "
        "keras.regularizers, keras.constraints, keras.optimizers, keras.metrics, keras.callbacks and this project's "
        "own cldnn_lab.models.layers and .blocks may be named, and of them nothing that runs code or reads files."
    )


def _shorten(hint: str, limit: int = 300) -> str:
    return hint if len(hint) <= limit else hint[:limit].rsplit(", ", 1)[0] + ", ..."


def instantiate(node: Mapping[str, Any], where: str, **extra: Any) -> Any:
    """Make what a checked config node describes; ``extra`` overrides its arguments.

    Raises:
        ConfigError: with the place and the library's own reason in one sentence.
    """
    from hydra.utils import instantiate as make

    try:
        return make(node, **extra, _convert_="all")
    except ConfigError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise ConfigError(f"{where} ({node.get('_target_')}): {reason}") from error
