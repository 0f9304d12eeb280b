from hypothesis import settings

# Nothing timed belongs in the tests: a busy machine is no defect.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
