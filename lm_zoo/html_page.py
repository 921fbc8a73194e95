"""A whole HTML page that needs nothing besides itself: its head, its style, and escaping."""

import html

# Colours by name, light and dark; what a page adds of its own uses them.
STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #556170; --paper: #fff; --rule: #cfd6de;
  --mark: #1f5fbf; --tint: #eef3fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #a3afbd; --paper: #14181e;
  --rule: #39424e; --mark: #7db2ff; --tint: #1f2732; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
""".lstrip()


def page(title, body, style=""):
    """Returns an HTML file.

    Args:
        title: Text: the title, and the heading at the top.
        body: HTML below the heading.
        style: CSS besides `STYLE`.
    """
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escaped(title)}</title>
<style>
{STYLE}{style}</style>
</head>
<body>
<main>
<h1>{escaped(title)}</h1>
{body}
</main>
</body>
</html>
"""


def escaped(value):
    """Returns anything as text within HTML."""
    return html.escape(str(value))
