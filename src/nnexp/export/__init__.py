"""A finished run taken elsewhere: its model in other tools' formats, or the whole of it as a Keras program.

exporting.py does it in order; formats.py knows the models' formats; program.py writes the program, out of parts that
expressions.py writes.
"""
