"""The composition root: a recipe and a store become a run. Reads as the story of one.

Everything that can be wrong is found first, in ``check``, before anything is written or started; then the run is
claimed, its prompts are settled, its parts are started, and the coordinator takes over. The same call on the same
recipe resumes where the last one stopped; on a finished run it does nothing but point at the corpus.
"""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import tracegen
from tracegen.corpus.build import BuiltCorpus, build
from tracegen.engines.options import parse_options
from tracegen.errors import MissingDependency, RecipeError, RunConflict, StoreUnavailable
from tracegen.ledger.owner import BEAT_S, Claim, Owner, claim
from tracegen.ledger.settle import open_shards, settled_shards, sweep
from tracegen.prompts.prepare import load_shard, prepared
from tracegen.protocols import Engine, RecorderPort, ReplicaPort, Store, VerifierPort
from tracegen.recipe import Recipe
from tracegen.recipe_file import Loaded
from tracegen.registry import resolve
from tracegen.runtime.coordinator import Coordinator, Parts, Surroundings
from tracegen.runtime.progress import RunSummary, Snapshot
from tracegen.runtime.recorder import RecorderSpec
from tracegen.runtime.replica import ReplicaSpec
from tracegen.runtime.resume import settled_counts
from tracegen.runtime.shelf import Shelf
from tracegen.runtime.watch import Watch
from tracegen.scheduling.scheduler import Scheduler
from tracegen.store import SubStore, open_store, preflight
from tracegen.verify.host import VerifierSpec
