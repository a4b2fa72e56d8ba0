"""What the application is built from: the same keys as in the settings, with the same checks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import model_validator

from adcraft.settings import ServeSettings, Settings, Strict, TrackingSettings, load_settings

_OF_HTTP_OPTIONS = ("host", "port")


class ServeArgs(Strict):
    """``args`` of the Serve YAML: ``home``, ``tracking`` and ``serve`` of the settings."""

    home: str = ""
    tracking: TrackingSettings = TrackingSettings()
    serve: ServeSettings = ServeSettings()

    @model_validator(mode="before")
    @classmethod
    def _address_is_elsewhere(cls, tree: Any) -> Any:
        """In a Serve YAML the address belongs to ``http_options``; here it would be ignored."""
        serve = tree.get("serve") if isinstance(tree, Mapping) else None
        if isinstance(serve, Mapping) and (found := [key for key in _OF_HTTP_OPTIONS if key in serve]):
            raise ValueError(
                f"serve.{found[0]} = {serve[found[0]]!r} has no effect here; set http_options.{found[0]}"
            )
        if isinstance(serve, Mapping) and "proxy" in serve:
            raise ValueError(
                f"serve.proxy = {serve['proxy']!r} has no effect here; it is chosen where Ray is started: "
                "python -m cluster.local --proxy"
            )
        return tree

    @property
    def models(self) -> Path:
        """Folder that bundles are fetched into."""
        return Path(self.home) / "models"

    @property
    def last_good_file(self) -> Path:
        """Which model answered last."""
        return Path(self.home) / "serving" / f"{self.tracking.model}-{self.serve.alias.strip()}.json"

    @property
    def keys_file(self) -> Path:
        """Where the API keys are, or would be."""
        return Path(self.home) / Path(self.serve.keys or "keys.json").expanduser()

    @property
    def access_log_file(self) -> Path | None:
        """What the access log is written to; None is standard error."""
        return Path(self.home) / Path(self.serve.access_log).expanduser() if self.serve.access_log else None

    def resolved(self, environment: Mapping[str, str] = os.environ) -> ServeArgs:
        """With ``home`` and ``tracking.uri`` filled in from the environment, where they were empty."""
        overrides = [f"home={json.dumps(self.home)}", f"tracking.uri={json.dumps(self.tracking.uri)}"]
        filled = load_settings(None, overrides, environment)
        tracking = self.tracking.model_copy(update={"uri": filled.tracking.uri})
        return self.model_copy(update={"home": filled.home, "tracking": tracking})

    @classmethod
    def of(cls, settings: Settings) -> ServeArgs:
        """The part of the settings that the application needs."""
        return cls(home=settings.home, tracking=settings.tracking, serve=settings.serve)
