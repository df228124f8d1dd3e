"""Records: every field of every record once, of the five files, of a comparison and of the catalogue, with its unit and meaning.

History of the formats (a new minor version only adds fields that may be absent):
  manifest-1.0, ledger-1.0, hardware-1.0, metadata-1.0, comparison-1.0, catalogue-1.0   first
  ledger-1.1 (2026-11-28)   what other programs used during a call, pressure and sleep; a conversation's turns are judged anew; findings about thinking
  metadata-1.3 (2026-11-29)                 a warning about a model that gives one answer to all questions; only where it is given
  metadata-1.2 (2026-11-28)                 why calls failed; written only where some did
  manifest-1.1, metadata-1.1 (2026-11-28)   thinking, and the context ladder; written only where a run has something to say about it
  catalogue-1.1 (2026-11-28)   thinking beside plain answers, and the context ladder
"""
from __future__ import annotations

from base.records import catalogue_fields, comparison_fields, hardware_fields, ledger_fields, manifest_fields, metadata_fields
from base.records.catalogue_fields import CATALOGUE_VERSION, FIGURES, GRADES, VISIBILITIES
from base.records.comparison_fields import COMPARED, COMPARISON_VERSION, EFFECTS
from base.records.field import Field
from base.records.hardware_fields import HARDWARE_VERSION
from base.records.ledger_fields import ENDINGS, LEDGER_VERSION, LEDGER_VERSIONS, OUTCOMES, PASSES, ROLES, SKIP_REASONS, SPEED_OUTCOMES
from base.records.manifest_fields import MANIFEST_VERSION, MANIFEST_VERSIONS, manifest_version
from base.records.metadata_fields import EVIDENCE, LADDER_ENDS, METADATA_VERSIONS, METRICS, VERDICTS, WARNINGS, metadata_version

RECORDS = {**ledger_fields.RECORDS, **manifest_fields.RECORDS, **hardware_fields.RECORDS, **metadata_fields.RECORDS, **comparison_fields.RECORDS,
           **catalogue_fields.RECORDS}
CHOICES = {**ledger_fields.CHOICES, **hardware_fields.CHOICES, **metadata_fields.CHOICES, **comparison_fields.CHOICES, **catalogue_fields.CHOICES}
VERSIONS = {"manifest": MANIFEST_VERSIONS, "meta": LEDGER_VERSIONS, "hardware": (HARDWARE_VERSION,),
            "metadata": METADATA_VERSIONS}    # of whole files that can be read, by record
