"""Charts: SVG drawings of figures, rendered at build time; each has a text description."""
