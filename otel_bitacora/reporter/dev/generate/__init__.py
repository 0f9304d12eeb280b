"""Days that never were: what developers, their programs and their machines would have logged, and what there is to find in it."""

from .chance import Chance
from .forms import JsonForm, PlainForm
from .incidents import Incident
from .manifest import Manifest
from .outputs import JournalOutput, LinesOutput, Output
from .pathological import pathological_records
from .plan import IncidentKind, Plan
from .run import generate

__all__ = [
    "Chance",
    "Incident",
    "IncidentKind",
    "JournalOutput",
    "JsonForm",
    "LinesOutput",
    "Manifest",
    "Output",
    "PlainForm",
    "Plan",
    "generate",
    "pathological_records",
]
