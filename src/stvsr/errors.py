"""Every error a user may meet. Each message says what happened, what was found, and what to do about it.

STVSRError
├── InputError              the source cannot be used: missing, not a video, empty, broken
├── OutputError             the target cannot be written: exists, no permission, disk full, unknown codec
├── SettingsError           an option has a value that cannot work
│   └── UnsupportedTimeError    a network was asked for an instant that it cannot render
├── WeightsError            a weight file is missing, damaged, or belongs to another network
├── MissingExtraError       an optional dependency is not installed
├── TrainingError           training data or a training run cannot go on
├── JobError                a job in the queue is in no state for what was asked
│   └── NoSuchJobError          it is not there
├── RequestError            the service refuses a request
└── VerificationError       the finished file does not hold what was promised
"""


class STVSRError(Exception):
    """Root of all errors that are the user's to mend; the command line prints the message and exits with 1."""


class InputError(STVSRError):
    """The source cannot be used."""


class OutputError(STVSRError):
    """The target cannot be written."""


class SettingsError(STVSRError):
    """An option has a value that cannot work."""


class UnsupportedTimeError(SettingsError):
    """A network was asked for an instant that it cannot render."""


class WeightsError(STVSRError):
    """A weight file is missing, damaged, or belongs to another network."""


class MissingExtraError(STVSRError):
    """An optional dependency is not installed."""


class TrainingError(STVSRError):
    """Training data or a training run cannot go on."""


class JobError(STVSRError):
    """A job in the queue is in no state for what was asked."""


class NoSuchJobError(JobError):
    """It is not there."""


class RequestError(STVSRError):
    """The service refuses a request."""


class VerificationError(STVSRError):
    """The finished file does not hold what was promised."""
