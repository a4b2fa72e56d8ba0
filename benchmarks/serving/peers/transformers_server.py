"""FastAPI and ``transformers.generate`` for each request, as most tutorials have it."""

from __future__ import annotations

from fastapi import FastAPI
from transformers import T5ForConditionalGeneration

from adcraft.inference.bundle import Bundle, open_bundle
from adcraft.inference.codec import TextCodec
from adcraft.workloads import get_workload
from benchmarks.engine import generate
from benchmarks.serving.peers.arguments import peer_arguments, serve_by_uvicorn


def build(bundle: Bundle) -> FastAPI:
    """The application."""
    model = T5ForConditionalGeneration.from_pretrained(bundle.model).eval()
    codec = TextCodec.load(bundle.tokenizer)
    workload, settings = get_workload(bundle.manifest.workload), bundle.manifest.prompt
    app = FastAPI()

    @app.post("/predict")
    def predict(record: dict[str, str]) -> dict[str, str]:
        prompt = workload.prompt(record, settings.fields)
        sources = codec.encode([prompt.source], settings.source_tokens)
        [text] = codec.decode(generate(model, sources, codec, settings.target_tokens))
        return {"creative": workload.finish(text, prompt.slots)}

    return app


if __name__ == "__main__":
    given = peer_arguments(__doc__)
    serve_by_uvicorn(build(open_bundle(given.bundle)), given.port)
