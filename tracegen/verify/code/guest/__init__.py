"""Programs that run inside a sandbox: the candidate's driver, the examiner and the checker's driver.

Sent in as text, so they need nothing but Python's own library. The process that judges never calls them.
"""
