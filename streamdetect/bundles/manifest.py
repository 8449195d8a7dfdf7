"""The content of `bundle.json`, and the rules for each value.

The manifest is read from a directory that somebody may have copied, edited or made up: unknown keys,
numbers that are not finite, sizes past the limits and parts that do not fit each other are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from streamdetect.bundles.architecture import Architecture  # noqa: TC001 - pydantic reads it at run time
from streamdetect.core.reconstruction import ErrorMetric  # noqa: TC001 - pydantic reads it at run time
from streamdetect.core.scaling import Scaling  # noqa: TC001 - pydantic reads it at run time

MANIFEST, KERAS, ONNX, ENCODER = "bundle.json", "model.keras", "model.onnx", "encoder.onnx"

MAX_MODEL_BYTES = 256 << 20
MAX_TIME_STEPS = 10_000
MAX_FEATURES = 1_000
MAX_LATENT = 65_536

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]  # see Bundle
MAX_CELLS = 1_000_000  # of a window, T × F: each sensor has a window of its own
MAX_HISTORY = 10_000_000  # readings
MAX_COUNT = 1 << 53  # what a float64 counts to
MAX_NUMBER = 1e18  # an error, a duration; scaled values end at 1e6, and errors at their square
MAX_OFFSET = 1e39  # no reading is larger than a float32
SCALES = (1e-100, 1e100)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no control characters")
    return text


Text = Annotated[str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_printable)]
NonNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER)]
Share = Annotated[float, Field(ge=-MAX_NUMBER, le=1)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
AtLeastOne = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER)]
Size = Annotated[int, Field(ge=1, le=MAX_MODEL_BYTES)]

Quantile = Literal["0.5", "0.9", "0.95", "0.99", "0.999", "max"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class _PartWithOptions(_Part):
    """A part that leaves out what it does not have, instead of writing null."""

    @model_serializer(mode="wrap")
    def _without_what_is_not_there(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


class TrainingErrors(_Part):
    """The reconstruction errors of the training windows, as the compiled graph makes them."""

    mean: NonNegative
    std: NonNegative
    count: AtLeastOne  # windows
    quantiles: Annotated[dict[Quantile, NonNegative], Field(min_length=6)]
    feature_means: tuple[NonNegative, ...]  # in the order of `features`


class GraphDifference(_Part):
    """The difference between the compiled graph and Keras on the training windows."""

    absolute: NonNegative  # the largest, in scaled units
    relative: NonNegative  # the same, over the largest magnitude in the windows and their reconstructions
    batch: NonNegative = 0.0  # between a window rebuilt alone and among others; 0: to the last bit


class Explained(_Part):
    """The share of the variance that the model rebuilds; 1 is all of it, below 0 the mean would do better."""

    variance: Share  # of windows of the normal data
    shuffled: Share  # of the same values, each in a random place: the less, the more has been learnt
    held_out: bool  # whether the model saw none of those windows when it was fitted


class Source(_Part):
    """One series that was trained on."""

    name: Text
    rows: Count
    windows: Count
    left_out: Count  # windows too far out to be learned from
    sha256: Sha256  # of its times and values as float64 columns


class TrainingRecord(_Part):
    """The settings of the training and how it went."""

    scaler: Text
    loss: Text
    learning_rate: NonNegative
    epochs: Count
    epochs_run: Count
    batch_size: AtLeastOne
    validation_split: Annotated[float, Field(ge=0, lt=1)]
    shuffle: bool
    patience: Count
    seed: Count
    stride: AtLeastOne
    max_gap: NonNegative | None  # seconds; null: no limit
    parameters: Count
    final_loss: NonNegative
    final_validation_loss: NonNegative | None


class Brought(_Part):
    """The origin of a model that was not trained here, and the handling of its normal data."""

    form: Literal["keras", "onnx", "tflite"] = "keras"
    sha256: Sha256  # of the file that it was in
    parameters: Count
    scaler: Text
    stride: AtLeastOne
    max_gap: NonNegative | None  # seconds; null: no limit


class Encoder(_Part):
    """The encoder, which makes latent vectors of windows."""

    layer: Text  # whose output, flattened, they are
    size: Annotated[int, Field(ge=1, le=MAX_LATENT)]
    graph_difference: GraphDifference


class File(_Part):
    """One model file."""

    sha256: Sha256
    bytes: Size


class Files(_PartWithOptions):
    """The model files; their names are fixed, so no name can lead out of the bundle."""

    keras: File | None = Field(default=None, alias=KERAS)  # not of a model made from another format
    onnx: File = Field(alias=ONNX)
    encoder: File | None = Field(default=None, alias=ENCODER)

    def entries(self) -> dict[str, File]:
        """The model files that exist, by name."""
        named = {KERAS: self.keras, ONNX: self.onnx, ENCODER: self.encoder}
        return {name: file for name, file in named.items() if file}


class Manifest(_PartWithOptions):
    """The content of `bundle.json`."""

    format: Literal[1]
    created: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    time_steps: Annotated[int, Field(ge=1, le=MAX_TIME_STEPS)]
    min_steps: Annotated[int, Field(ge=0, le=MAX_TIME_STEPS)] = 0  # 0: only full windows are judged
    features: Annotated[tuple[Text, ...], Field(min_length=1, max_length=MAX_FEATURES)]
    architecture: Architecture | None = None
    scaling: Scaling
    error: ErrorMetric
    training_error: TrainingErrors
    graph_difference: GraphDifference
    explained: Explained | None = None  # bundles before 0.2 do not say
    interval: Positive | None = None  # seconds between the readings that were trained on
    period: Positive | None = None  # readings in which their pattern comes round
    continues: Fingerprint | None = None  # an earlier bundle with this very graph: its sensors' state goes on
    training: TrainingRecord | None = None
    brought: Brought | None = None  # instead of architecture and training
    encoder: Encoder | None = None
    trained_on: tuple[Source, ...]
    versions: dict[Text, Text]
    files: Files

    @field_validator("min_steps")
    @classmethod
    def _min_steps_fit(cls, min_steps: int, info: ValidationInfo) -> int:
        if min_steps > info.data.get("time_steps", MAX_TIME_STEPS):
            raise ValueError("must be at most time_steps")
        return min_steps

    @field_validator("features")
    @classmethod
    def _features_differ(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(features)) < len(features):
            raise ValueError("names must differ")
        return features

    @field_validator("scaling")
    @classmethod
    def _scaling_fits(cls, scaling: Scaling, info: ValidationInfo) -> Scaling:
        expected = len(info.data.get("features", ())) if scaling.kind == "affine" else 0
        if len(scaling.offset) != expected or len(scaling.scale) != expected:
            raise ValueError(f"offset and scale must hold {expected} numbers each for kind {scaling.kind}")
        if not all(abs(value) <= MAX_OFFSET for value in scaling.offset):
            raise ValueError(f"offset must be from -{MAX_OFFSET} to {MAX_OFFSET}")
        if not all(SCALES[0] <= value <= SCALES[1] for value in scaling.scale):
            raise ValueError(f"scale must be from {SCALES[0]} to {SCALES[1]}")
        if not 1 <= scaling.history <= MAX_HISTORY:
            raise ValueError(f"history must be from 1 to {MAX_HISTORY}")
        return scaling

    @model_validator(mode="after")
    def _window_is_bounded(self) -> Manifest:
        if self.time_steps * len(self.features) > MAX_CELLS:
            raise ValueError(f"time_steps times features must be at most {MAX_CELLS}")
        return self

    @model_validator(mode="after")
    def _errors_fit(self) -> Manifest:
        if len(self.training_error.feature_means) != len(self.features):
            raise ValueError(f"training_error.feature_means: must hold {len(self.features)} numbers")
        return self

    @model_validator(mode="after")
    def _origin_is_known(self) -> Manifest:
        trained = self.architecture is not None, self.training is not None
        if trained != ((False, False) if self.brought else (True, True)):
            raise ValueError("must have either architecture and training, or brought")
        return self

    @model_validator(mode="after")
    def _encoder_has_a_file(self) -> Manifest:
        if (self.encoder is None) != (self.files.encoder is None):
            raise ValueError(f"encoder and files.{ENCODER}: must both be present, or neither")
        return self

    @property
    def model_name(self) -> str:
        """The architecture's name, or that the model was brought to the project by its user."""
        return self.architecture.name if self.architecture else "brought"

    @property
    def record(self) -> TrainingRecord | Brought:
        """The handling of the normal data for the model."""
        return next(one for one in (self.training, self.brought) if one)

    def to_bytes(self) -> bytes:
        """The text of `bundle.json`."""
        return self.model_dump_json(indent=2, by_alias=True).encode() + b"\n"
