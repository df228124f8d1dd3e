"""Run update: the cache's records of runs are updated. Only runs that may have changed are looked at."""
from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Set

from judge import tree_layout
from judge.findings import Finding
from publish import build_jobs, run_changes
from publish.build_cache import BuildCache, run_path
from publish.build_options import BuildOptions, BuildReport
from publish.process_pool import RunAll
from publish.run_changes import digest


def changed_runs(kept: BuildCache, runs: Dict[str, str], known: Set[str], by_git: Optional[Set[str]]) -> Set[str]:
    """Runs that are not as the last build left them, as far as that shows without reading them. `runs` maps paths to folders."""
    new_or_damaged = (runs.keys() - known) | (kept.damaged_runs() & runs.keys())
    if by_git is not None:
        return new_or_damaged | (by_git & runs.keys())
    states = kept.known_states()
    return new_or_damaged | {path for path, folder in runs.items() if path in states and states[path] != run_changes.states(folder)}


def update(options: BuildOptions, kept: BuildCache, runs: Dict[str, str], linked: Set[str], known: Set[str], changed: Set[str], report: BuildReport,
           run_all: RunAll) -> None:
    """`linked` are the runs behind a symbolic link, `known` those of the last build. Rejected runs are forgotten, and the report lists them."""
    for finding in [*tree_layout.twice(list(runs)), *_link_findings(linked)]:
        report.rejected.setdefault(finding.path, []).append({"rule": finding.rule, "path": finding.path, "observed": finding.observed})
    accepted = {path: folder for path, folder in runs.items() if path not in report.rejected}
    kept.remove_runs(known - accepted.keys())
    changed = (changed & accepted.keys()) | kept.compare_runs(accepted, changed)
    for path, note, errors in run_all(build_jobs.process, _jobs(options, kept, {path: runs[path] for path in sorted(changed)})):
        report.runs_made += 1
        if note is None:
            report.rejected[path] = list(errors)
            kept.remove_runs([path])
        else:
            kept.put_run(path, note)
    report.shown = len(kept.records)


def _jobs(options: BuildOptions, kept: BuildCache, runs: Dict[str, str]) -> Iterator[build_jobs.RunJob]:
    """A job for each run; none where its files turn out to have the same contents as before."""
    for path, folder in runs.items():
        known, states = kept.known_run(path), run_changes.states(folder)
        contents = known.contents if known is not None and known.states == states else run_changes.contents(folder)
        entry, holds = options.entries.get(run_id_of(path), {}), kept.holds_of(path)
        key = digest(path, contents, entry, options.synthetic, options.raw_base, holds)
        if known is not None and known.key == key and run_path(options.cache, key).exists():
            kept.touch(path, states, build_jobs.raw_files(folder, run_id_of(path)) if options.raw_base is None else [])
        else:
            yield build_jobs.RunJob(path, folder, entry, holds, options.synthetic, options.raw_base, options.now_s, str(options.cache), key,
                                    contents, states)


def _link_findings(linked: Set[str]) -> List[Finding]:
    """Runs behind a symbolic link are not part of the submissions."""
    return [Finding("scope-symlink", "a symbolic link", "a folder", path=path) for path in sorted(linked)]


def run_id_of(path: str) -> str:
    """From the path of its folder."""
    return path.rpartition("/run-")[2]
