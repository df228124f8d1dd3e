"""Records: every field of every record once, of the five files, of a comparison and of the catalogue, with its unit and meaning.

History of the formats (a new minor version only adds fields that may be absent):
  manifest-1.0, ledger-1.0, hardware-1.0, metadata-1.0, comparison-1.0, catalogue-1.0   first
"""
from __future__ import annotations

from base.records import catalogue, comparison, hardware, ledger, manifest, metadata
from base.records.catalogue import CATALOGUE_VERSION, FIGURES, GRADES, VISIBILITIES
from base.records.comparison import COMPARED, COMPARISON_VERSION, EFFECTS
from base.records.field import Field
from base.records.hardware import HARDWARE_VERSION
from base.records.ledger import ENDINGS, LEDGER_VERSION, OUTCOMES, PASSES, ROLES, SKIP_REASONS, SPEED_OUTCOMES
from base.records.manifest import MANIFEST_VERSION
from base.records.metadata import EVIDENCE, METADATA_VERSION, METRICS, VERDICTS, WARNINGS

RECORDS = {**ledger.RECORDS, **manifest.RECORDS, **hardware.RECORDS, **metadata.RECORDS, **comparison.RECORDS,
           **catalogue.RECORDS}
CHOICES = {**ledger.CHOICES, **hardware.CHOICES, **metadata.CHOICES, **comparison.CHOICES, **catalogue.CHOICES}
VERSIONS = {"manifest": MANIFEST_VERSION, "meta": LEDGER_VERSION, "hardware": HARDWARE_VERSION,
            "metadata": METADATA_VERSION}       # of whole files, by record
