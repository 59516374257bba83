"""Which operations torch itself follows on symbolic shapes."""

from torch._subclasses.fake_tensor import FakeTensorMode


def torch_follows(monkeypatch):
    """The operations that torch itself follows from here on."""
    seen, dispatch = [], FakeTensorMode.dispatch

    def watched(mode, func, *args, **kwargs):
        seen.append(func)
        return dispatch(mode, func, *args, **kwargs)

    monkeypatch.setattr(FakeTensorMode, "dispatch", watched)
    return seen
