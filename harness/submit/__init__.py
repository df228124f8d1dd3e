"""Submit: bring a finished run to a pull request, and say how far each run has come."""
