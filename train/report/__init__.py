"""`report.html`: what a training came to, on one page that needs no network."""
