"""Ad copy as a workload: the one value that the rails need."""

from adcraft.ad_copy.fields import AD_FIELDS, FIELDS, PROMPT_FIELDS
from adcraft.ad_copy.prompts import examples, finish, prompt, target_example
from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.ad_copy.targets import shorten
from adcraft.workload import Workload

_CODE = (
    "controls",
    "data_files",
    "fields",
    "languages",
    "phrasing",
    "product_words",
    "prompts",
    "slots",
    "targets",
    "training_texts",
)

WORKLOAD = Workload(
    name="ad_copy",
    fields=FIELDS,
    product_name="product_name",
    product_brand="brand",
    target_fields=("ad", "description"),
    shorten=shorten,
    slot_tokens=SLOT_TOKENS,
    prompt_fields=PROMPT_FIELDS,
    tasks=tuple(AD_FIELDS.values()),
    prompt=prompt,
    examples=examples,
    target_example=target_example,
    finish=finish,
    code=tuple(f"adcraft.ad_copy.{module}" for module in _CODE),
)
