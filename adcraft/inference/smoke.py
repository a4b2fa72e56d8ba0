"""The smoke test: a model that is about to serve writes once, and it must be what training saw it write."""

from __future__ import annotations

from collections.abc import Sequence

from adcraft.errors import BundleError
from adcraft.inference.bundle import Bundle
from adcraft.inference.generator import Generator
from adcraft.inference.specimens import Specimens, likeness, read_specimens, write_greedily
from adcraft.workloads import get_workload

LEAST_AGREEMENT = 0.5
"""With a bundle's specimens: int8 changes a word here and there, another model changes most."""
_PRODUCT = "Running Shoes"
_SHOWN = 80  # characters of a text


def smoke_test(generator: Generator, bundle: Bundle) -> None:
    """Let ``generator`` write what ``bundle`` has specimens of; any text at all, where it has none.

    Raises:
        BundleError: the engine fails, writes nothing, or writes other texts than when the bundle was made.
    """
    specimens = read_specimens(bundle.specimens)
    sources = specimens.sources or _made_up(generator, bundle)
    try:
        written = write_greedily(generator.engine, sources, generator.prompt.target_tokens)
        texts = generator.codec.decode(written)
    except Exception as error:  # whatever an engine raises
        reason = (str(error).strip() or repr(error)).splitlines()[0].rstrip(" .")
        raise BundleError(f"The model at {bundle.path} can't write: {reason}. It is not served.") from error
    if not any(text.strip() for text in texts):
        raise BundleError(f"The model at {bundle.path} writes nothing, whatever it reads. It is not served.")
    if specimens.specimens:
        _compare(generator, bundle, specimens, written)


def _made_up(generator: Generator, bundle: Bundle) -> list[list[int]]:
    workload = get_workload(bundle.manifest.workload)
    prompt = workload.prompt({workload.product_name: _PRODUCT}, generator.prompt.fields)
    return generator.codec.encode([prompt.source], generator.prompt.source_tokens)


def _compare(
    generator: Generator, bundle: Bundle, specimens: Specimens, written: Sequence[Sequence[int]]
) -> None:
    alike = likeness(written, specimens)
    mean = sum(alike) / len(alike)
    if mean >= LEAST_AGREEMENT:
        return
    worst = alike.index(min(alike))
    now, then = generator.codec.decode([written[worst], specimens.specimens[worst].written])
    raise BundleError(
        f"The model at {bundle.path} answers other than what training saw: {now[:_SHOWN]!r} instead of "
        f"{then[:_SHOWN]!r}. Over {len(alike)} prompts its answers are {mean:.0%} alike, and at least "
        f"{LEAST_AGREEMENT:.0%} is needed. It is not served; fetch the model version again, or train again."
    )
