"""Submit: from a finished run to a pull request, and the progress of each run."""
