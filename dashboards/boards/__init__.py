"""The four dashboards."""

from dashboards.boards.cluster import CLUSTER
from dashboards.boards.model import MODEL
from dashboards.boards.service import SERVICE
from dashboards.boards.training import TRAINING

ALL = (SERVICE, MODEL, TRAINING, CLUSTER)
