"""Charts: figures become drawings of SVG, made when the site is built; each says in words what it shows."""
