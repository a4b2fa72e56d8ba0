"""Where a product's ad goes in an account: its campaign, its ad group, and the page that it leads to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from adcraft.ad_copy.fields import FIELDS
from adcraft.ad_copy.filling import names_in
from adcraft.errors import BriefError, SettingsError
from adcraft.settings import GenerateSettings
from adcraft.workload import Record

COLUMNS = ("link", "campaign", "ad_group")
_FIELDS = tuple(spec.name for spec in FIELDS)
_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\x7f<>\"{}|\\^`]+", re.IGNORECASE)
_LONGEST_ADDRESS = 2048


@dataclass(frozen=True)
class Destination:
    """Templates with the product's fields, and how long a name may be.

    Attributes:
        link: of the landing page's address.
        campaign: of the campaign's name.
        ad_group: of the ad group's.
        campaign_chars: a longer name is cut.
        ad_group_chars: likewise.
    """

    link: str
    campaign: str
    ad_group: str
    campaign_chars: int
    ad_group_chars: int

    @classmethod
    def of(cls, settings: GenerateSettings, campaign_chars: int, ad_group_chars: int) -> Destination:
        """As the settings say.

        Raises:
            SettingsError: a template names a field that there is not, or could give no http(s) address.
        """
        for key, template in (
            ("link", settings.link),
            ("campaign", settings.campaign),
            ("ad_group", settings.ad_group),
        ):
            _check(f"generate.{key} = {template!r}", template)
        example = settings.link.format_map({**dict.fromkeys(_FIELDS, "1"), "link": "https://shop.example/1"})
        if fault := _fault(example):
            raise SettingsError(
                f"generate.link = {settings.link!r} gives {fault}. Begin it with https:// or with {{link}}, "
                "which is the address in the feed."
            )
        return cls(settings.link, settings.campaign, settings.ad_group, campaign_chars, ad_group_chars)

    @property
    def needs(self) -> Mapping[str, str]:
        """Fields without which no address can be made, each with what asks for it."""
        return dict.fromkeys(names_in(self.link), f"generate.link = {self.link!r}")

    def fill(self, record: Record) -> dict[str, str]:
        """Link, campaign and ad group of one product. What a name's template has of fields that the product
        lacks is left out.

        Raises:
            BriefError: the product lacks a field of the address, that is no address, or a name is empty.
        """
        return {
            "link": self._address(record),
            "campaign": _name("campaign", self.campaign, record, self.campaign_chars),
            "ad_group": _name("ad_group", self.ad_group, record, self.ad_group_chars),
        }

    def _address(self, record: Record) -> str:
        values = {}
        for name in names_in(self.link):
            value = record.get(name)
            if not value:
                raise BriefError(
                    f"The product has no {name}, which generate.link = {self.link!r} takes. Give it one, or "
                    "set generate.link to a pattern of what it has, such as https://shop.example/p/{id}."
                )
            values[name] = value if name == "link" else quote(value, safe="")
        address = self.link.format_map(values)
        if fault := _fault(address):
            raise BriefError(f"The link is {fault}. Correct it in the feed, or set generate.link.")
        return address


def _check(setting: str, template: str) -> None:
    try:
        unknown = [name for name in names_in(template) if name not in _FIELDS]
    except ValueError as error:
        raise SettingsError(f"{setting} can't be read: {error}. A literal brace is doubled.") from None
    if unknown:
        raise SettingsError(
            f"{setting}: there is no field {unknown[0]!r}. Fields of a product: {', '.join(_FIELDS)}."
        )


def _fault(address: str) -> str:
    """What is wrong with an address; "" if nothing is."""
    if len(address) > _LONGEST_ADDRESS:
        return f"an address of {len(address)} characters, and tools take {_LONGEST_ADDRESS}"
    try:
        parts = urlsplit(address)
        fine = bool(_ADDRESS.fullmatch(address) and parts.hostname and (parts.port is None or parts.port))
    except ValueError:  # of a port, or an IPv6 address, that is none
        fine = False
    return "" if fine else f"{address!r}, which is no http or https address"


def _name(what: str, template: str, record: Record, limit: int) -> str:
    filled = template.format_map({name: record.get(name) or "" for name in _FIELDS})
    name = " ".join(filled.split())[:limit].rstrip()
    if not name:
        raise BriefError(
            f"The name of the {what.replace('_', ' ')} is empty: the product has none of the fields in "
            f"generate.{what} = {template!r}."
        )
    return name
