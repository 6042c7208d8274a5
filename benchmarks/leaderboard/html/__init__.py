"""The page and its drawings, as HTML and SVG."""
