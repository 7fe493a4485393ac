"""Floor 5: what is wrong between a client and one server, found in the order in which a connection is made.

`dragoman.doctor.examination.examine` is the only door; it returns a `Report`, which is data.
"""
