"""One HTML file that answers the question: tables, charts, mistakes, and how to repeat it."""
