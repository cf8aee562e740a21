"""The domain of customers. Takes a session, returns values, knows no Flask."""
