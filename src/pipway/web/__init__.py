"""What is served: the Simple API, files, the landing page, health and metrics."""
