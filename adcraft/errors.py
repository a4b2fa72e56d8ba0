"""Every error that Adcraft raises on purpose.

    AdcraftError
    +-- SettingsError       a settings file, key or value is wrong
    |   +-- BriefError      what is wanted of an ad can't be had for this product
    +-- FeedError           a feed can't be read, or nothing in it is usable
    +-- DatasetError        a prepared dataset is missing, incomplete or changed
    +-- BaseModelError      the base model can't be had (hub unreachable, no such folder)
    +-- TrainingError       training could not start or finish
    +-- TrackingError       MLflow can't be reached or refused
    |   +-- AliasError      the registry has no such model, version or alias
    +-- BundleError         a model bundle is incomplete, changed or of another format
    +-- StorageError        a disk is full, or a folder can't be written
    +-- ClusterError        Ray can't be started, reached, or can't give what is asked for
    +-- MonitoringError     Prometheus or Grafana can't be started or reached, or refuses

A message is one or more plain sentences: what was wrong, the value, where, and what to do.
Entry points alone turn these into exit codes; the HTTP layer alone into statuses. All take one
string, so all survive pickling between Ray processes.
"""


class AdcraftError(Exception):
    """Root of the tree: a fault that is explained, so a traceback would not help."""


class SettingsError(AdcraftError):
    """A settings file, key or value is wrong."""


class BriefError(SettingsError):
    """What is wanted of an ad can't be had for this product."""


class FeedError(AdcraftError):
    """A feed can't be read, or nothing in it is usable."""


class DatasetError(AdcraftError):
    """A prepared dataset is missing, incomplete, or was changed after it was written."""


class BaseModelError(AdcraftError):
    """The base model can't be had: hub unreachable, no such folder, not a T5."""


class TrainingError(AdcraftError):
    """Training could not start or finish."""


class TrackingError(AdcraftError):
    """MLflow can't be reached, or refused."""


class AliasError(TrackingError):
    """The registry has no such model, version or alias."""


class BundleError(AdcraftError):
    """A model bundle is incomplete, was changed, or is of a format that is not known here."""


class StorageError(AdcraftError):
    """A disk is full, or a folder can't be written."""


class ClusterError(AdcraftError):
    """Ray can't be started or reached, or can't give what is asked for."""


class MonitoringError(AdcraftError):
    """Prometheus or Grafana can't be started or reached, or refuses."""
