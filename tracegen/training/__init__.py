"""A corpus on its way into a trainer: linted as each trainer will see it, and exported as each reads it."""
