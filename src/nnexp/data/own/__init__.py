"""The user's own data: a table, arrays, or a folder of pictures.

kinds.py says what a config may write of each; the reader of each kind is a module of its own.
"""
