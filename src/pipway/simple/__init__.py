"""The Simple Repository API as data: names, pages, reading and writing HTML and JSON, negotiation. Pure."""
