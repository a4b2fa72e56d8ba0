"""Ad copy as a workload: the one value that the rails need."""

from adcraft.ad_copy.fields import FIELDS, PROMPT_FIELDS
from adcraft.ad_copy.prompts import example, finish, prompt
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
    example=example,
    finish=finish,
    code=("adcraft.ad_copy.prompts", "adcraft.ad_copy.slots", "adcraft.ad_copy.targets"),
)
