"""What each installation really gets: files, variables, the command line and requirements files, resolved as pip does.

`installations` is the way in; rules of index selection ask it. Everything here looks at facts and opens no file.
"""
