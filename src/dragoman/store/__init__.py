"""Floor 3: what is kept between calls, in memory or in a database."""
