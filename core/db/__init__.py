"""Tables, column types and sessions shared by core and plugins."""
