"""All tasks by the name that a recipe gives them."""

from collections.abc import Mapping

from ..task import Task
from .classification import CLASSIFICATION
from .metric_learning import METRIC_LEARNING
from .regression import REGRESSION
from .segmentation import SEGMENTATION

TASKS: Mapping[str, Task] = {
    task.name: task for task in (CLASSIFICATION, REGRESSION, SEGMENTATION, METRIC_LEARNING)
}
