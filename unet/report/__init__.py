"""Tables, pictures and the results page."""
