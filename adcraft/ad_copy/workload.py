"""Ad copy as a workload: the one value that the rails need."""

from adcraft.ad_copy.fields import FIELDS, PROMPT_FIELDS
from adcraft.ad_copy.prompts import examples, finish, prompt
from adcraft.ad_copy.slots import SLOT_TOKENS
from adcraft.ad_copy.targets import shorten
from adcraft.workload import Workload

WORKLOAD = Workload(
    name="ad_copy",
    fields=FIELDS,
    product_name="product_name",
    product_brand="brand",
    target_fields=("ad", "description"),
    shorten=shorten,
    slot_tokens=SLOT_TOKENS,
    prompt_fields=PROMPT_FIELDS,
    prompt=prompt,
    examples=examples,
    finish=finish,
    code=tuple(
        f"adcraft.ad_copy.{module}"
        for module in ("controls", "fields", "prompts", "slots", "targets", "training_texts")
    ),
)
